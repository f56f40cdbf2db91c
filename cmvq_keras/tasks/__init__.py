"""The tasks: what labels are, one file each, found by walking this folder.

A file holds `TASKS`, the name of its `cmvq_keras.tasks.task.Task`, a literal that is
read without importing the file. How a model learns and is measured on a task stands in
`cmvq_keras/models/objectives/`.
"""

from cmvq_keras import registry

ROOM = "tasks"


def names():
    """The tasks' names, in alphabetical order."""
    return registry.names(ROOM, "TASKS")


def get(name):
    """A task by name, a `cmvq_keras.tasks.task.Task`.

    Raises:
        ValueError: for an unknown name, with the nearest.
    """
    return registry.load(ROOM, "TASKS", name)
