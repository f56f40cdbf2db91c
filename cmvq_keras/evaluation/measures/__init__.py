"""What is measured on a task: one file each, found by its name.

A file holds `MEASURES`, the name of its
`cmvq_keras.evaluation.measures.measure.Measure`, a literal that is read without
importing the file.
"""

from cmvq_keras import registry

ROOM = "evaluation/measures"


def get(name):
    """The measure of a task, a `cmvq_keras.evaluation.measures.measure.Measure`.

    Raises:
        ValueError: for an unknown task, with the nearest.
    """
    return registry.load(ROOM, "MEASURES", name)
