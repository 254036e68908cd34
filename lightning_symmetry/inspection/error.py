"""The error of somebody who names a model on a command line."""


class InspectionError(Exception):
    """What was asked for cannot be done; the message is one line that says what to do.

    Args:
        message: The rule, and what was found instead.
        cause: The exception behind it, of which the message gets the type and the first line.

    Example:
        >>> str(InspectionError("cannot import torchh", ModuleNotFoundError("No module named 'torchh'")))
        "cannot import torchh: ModuleNotFoundError: No module named 'torchh'"
    """

    def __init__(self, message: str, cause: BaseException | None = None) -> None:
        if cause is not None:
            lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
            message = ": ".join([message, type(cause).__name__, *lines[:1]])
        super().__init__(message)
