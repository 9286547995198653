"""What the supervisor raises."""


class CannotStartError(Exception):
    """Something that ``up`` needs is missing or in the way; the text is one line for a person."""


class StopRequested(BaseException):
    """Ctrl-C or SIGTERM: end everything. Like KeyboardInterrupt, no error."""
