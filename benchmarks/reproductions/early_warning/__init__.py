"""How often ``symmetry/collapse_risk`` is raised in vain, and how long before accuracy falls."""
