"""The author's PyTorch weights, in and out."""
