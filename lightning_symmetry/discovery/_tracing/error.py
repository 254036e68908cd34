"""The error of a model that cannot be traced."""


class TraceError(RuntimeError):
    """The model could not be run; the message is one line with the cause."""
