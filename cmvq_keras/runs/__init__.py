"""Run folders: written, read, measured and used for predictions."""
