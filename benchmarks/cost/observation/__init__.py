"""One look at all order parameters beside a training step and other looks at the same model, in one run."""
