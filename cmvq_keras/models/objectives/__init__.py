"""How a model learns and is measured on a task: one file each, found by its name.

A file holds `OBJECTIVES`, the name of its class below
`cmvq_keras.models.objectives.objective.Objective`, a literal that is read without
importing the file. What labels are stands in `cmvq_keras/tasks/`.
"""

from cmvq_keras import registry

ROOM = "models/objectives"


def get(name):
    """The objective of a task, a `cmvq_keras.models.objectives.objective.Objective`.

    Raises:
        ValueError: for an unknown task, with the nearest.
    """
    return registry.load(ROOM, "OBJECTIVES", name)
