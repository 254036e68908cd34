"""What the package costs and what it shows, measured: ``python -m benchmarks``."""
