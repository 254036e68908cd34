"""What breaks symmetries and what restores them."""
