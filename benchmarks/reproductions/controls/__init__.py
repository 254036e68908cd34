"""What syre does to collapsed and collapsing networks, beside what decay, noise and re-initialisation do."""
