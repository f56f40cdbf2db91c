"""Where the time goes: training, evaluation, inference, and the parts of them."""
