"""One session: user and method, its record, its archive, when the user gives up, the checks of a method."""
