"""Running a model once, with nothing changed, and writing down what it computes."""
