"""How steering is turned on and off while a model trains."""
