"""A run as one file that predicts, without what its task does not need."""
