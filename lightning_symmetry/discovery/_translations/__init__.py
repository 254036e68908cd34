"""From steps to translations: shifts that are absorbed, or undone further on."""
