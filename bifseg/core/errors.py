"""The one error that is the user's to mend."""


class InputError(ValueError):
    """Input that cannot be used: the message is one line with the file, the key, the value and what to do.

    The command line prints the message without a traceback and exits with code 2.
    """
