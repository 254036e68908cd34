"""What is measured of a whole model: its spaces, and one family of quantities a file."""
