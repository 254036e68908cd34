"""What happens to a training with all callbacks that runs for long, or is killed."""
