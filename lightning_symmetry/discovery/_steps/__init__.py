"""The program in blocks, as if nothing had been written by hand, and who reads and makes them."""
