"""Adding symmetries."""
