"""The Keras models that are trained, and how one is built from a recipe."""
