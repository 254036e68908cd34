"""What :class:`~lightning_symmetry.RepresentationMonitor` is made of."""
