"""Measures of what a network represents, as pure functions of its activations."""
