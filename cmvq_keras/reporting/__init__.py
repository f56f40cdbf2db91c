"""What a run has learnt: reads a run folder, gives numbers and pictures."""
