"""What is timed, against what. Each module is one measurement: `python -m`."""
