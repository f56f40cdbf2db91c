"""How TensorFlow runs the graphs of tests."""

import os


def run_plain():
    """Runs graphs as they are, where TensorFlow is the backend; a process that is
    compared with this one digit by digit has to do the same."""
    if os.environ.get("KERAS_BACKEND") == "tensorflow":
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
