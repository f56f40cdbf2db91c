"""From a recipe to a finished run."""

from cmvq_keras import old_names

__getattr__ = old_names.getter(__name__)
