"""A traced network as statements about values whose axes are trees of products and sums."""
