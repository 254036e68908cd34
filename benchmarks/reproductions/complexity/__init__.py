"""Complexity: symmetry limits the model that is learned."""
