"""What processes exchange at a look at sharded weights."""
