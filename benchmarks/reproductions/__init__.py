"""What the package says, shown on real trainings; each with its table in README.md."""
