"""The error that a user can correct, and short texts of values and of other errors for its message."""


class InputError(ValueError):
    """Input that cannot be used: the message is one line with the file, the key, the value and what to do.

    The command line prints the message without a traceback and exits with code 2.
    """


def one_line(error: Exception) -> str:
    """The text of a library's error on one line.

    Args:
        error: any error.

    Returns:
        At most 200 characters; the name of the error's class if it has no text.
    """
    return " ".join(str(error).split())[:200] or type(error).__name__


def short(value: object, most: int = 80) -> str:
    """The text of a value for a message: one line without control characters, shortened in the middle if long.

    Args:
        value: a text; any other value is shown by its `repr`.
        most: greatest number of characters.

    Returns:
        At most `most` characters; those that cannot be printed are blanks.
    """
    text = value if isinstance(value, str) else repr(value)
    if len(text) > most:
        head = most * 2 // 3
        text = f"{text[:head]}...{text[head + 3 - most :]}"
    return "".join(letter if letter.isprintable() else " " for letter in text)
