"""Measures of what a network represents, accumulated over batches and processes."""
