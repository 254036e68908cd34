"""Canonical and polynomial alignment."""
