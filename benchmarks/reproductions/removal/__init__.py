"""Removing symmetries."""
