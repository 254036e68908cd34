"""Mechanisms of feature learning."""
