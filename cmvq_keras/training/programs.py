"""Compiled programs that serve several trainings of one process.

Trainings that differ in their seed alone run the same programs. JAX and TensorFlow
trace and compile them for each model, which takes longer than a small training. So the
next training takes the model of the former one, with the values of its own start: its
numbers are the same to the last digit.
"""

import contextlib
import contextvars

from cmvq_keras import recipe_file
from cmvq_keras.methods.method import Method

#: Weights of all models that are kept, together.
MAX_WEIGHTS = 20_000_000
_kept: contextvars.ContextVar[dict | None] = contextvars.ContextVar(
    "kept", default=None
)
_HOOKS = ("optimizer", "prepare", "callbacks")


@contextlib.contextmanager
def shared():
    """A context whose trainings share programs where they can."""
    before = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(before)


def with_programs(model, recipe, method, steps):
    """The model to train: the given one, or a former one with its values.

    Args:
        model: built and compiled, not trained yet.
        recipe: its `ResolvedRecipe`.
        method: its `Method`.
        steps: batches an epoch.
    """
    kept = _kept.get()
    if kept is None or not _may_share(recipe, method):
        return model
    key = recipe.with_settings({"training.seed": 0}).to_json(), steps
    if key in kept:
        _take_values(kept[key], model)
        return kept[key]
    weights = sum(each.count_params() for each in [*kept.values(), model])
    if weights <= MAX_WEIGHTS:
        kept[key] = model
    return model


def _may_share(recipe, method):
    """Whether all that differs between seeds lies in variables: not where a method
    reads the data, or code of a user's recipe file may keep something."""
    changed = any(
        getattr(type(method), name) is not getattr(Method, name) for name in _HOOKS
    )
    return not changed and recipe_file.loaded(recipe.name) is None


def _take_values(model, other):
    other.optimizer.build(other.trainable_variables)
    owners = (model, other), (model.optimizer, other.optimizer)
    for old, new in owners:
        for variable, value in zip(old.variables, new.variables, strict=True):
            variable.assign(value)
    model.reset_metrics()
