"""A training step of a plain model beside those of a steered one, in one run."""
