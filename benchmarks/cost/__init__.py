"""What an observation costs beside a training step of the same model, in one run."""
