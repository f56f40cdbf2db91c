"""Penn Action: sports clips with the poses of their actors."""
