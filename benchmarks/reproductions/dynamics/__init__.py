"""Dynamics: symmetry breaking makes learning jump."""
