"""The data sets: what lies where, and how their raw files become samples."""
