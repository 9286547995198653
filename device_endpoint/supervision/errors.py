"""What the supervisor raises."""


class CannotStartError(Exception):
    """Something that ``up`` needs is missing or in the way; the text is one line for a person."""


class StopRequested(BaseException):  # noqa: N818 - like KeyboardInterrupt, not an error
    """Ctrl-C or SIGTERM: leave whatever is being done and end everything."""
