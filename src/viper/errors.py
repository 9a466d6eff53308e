"""The one exception that a user is meant to read."""


class ViperError(Exception):
    """Bad input or an impossible request: the message says what is wrong, where, and how to mend it.

    The command line prints the message without a traceback and exits with `status`.
    """

    status = 2
