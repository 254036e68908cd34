"""Merging networks."""
