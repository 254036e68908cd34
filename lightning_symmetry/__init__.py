"""See and steer the parameter symmetries of any PyTorch model while Lightning trains it."""

__all__: list[str] = []
