"""NYU Depth v2: indoor scenes in color and depth."""
