"""One class a sample."""

from cmvq_keras.tasks.task import Task

TASKS = {"classification": "CLASSIFICATION"}


class Classification(Task):
    """A label is a class's place in the recipe's classes."""

    one_class = True


CLASSIFICATION = Classification()
