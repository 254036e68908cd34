"""Discovery against the tools that find coupled coordinates, on the models of the zoo, in one run."""
