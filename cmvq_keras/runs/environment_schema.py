"""What environment.json may hold: checked before anything is done with a run."""

#: By entry, its type. Every entry may be missing or null: versions differ in them.
_FORMS = {
    "backend": str,
    "data_dir": str,
    "devices": list,
    "format": int,
    "init_from": dict,
    "precision": str,
    "recipe_file": dict,
    "seed": int,
    "store": dict,
    "versions": dict,
}
#: By entry, what has to be a text within it.
_TEXTS = {
    "init_from": ("folder", "recipe", "weights"),
    "recipe_file": ("path", "sha256"),
    "store": ("folder", "manifest"),
}
_WORDS = {str: "a text", list: "a list", int: "a whole number", dict: "a JSON object"}


def check(content):
    """Raises ValueError, with the entry's name, for an environment of another form.

    Args:
        content: the content of environment.json, a dict.
    """
    for name, kind in _FORMS.items():
        value = content.get(name)
        if value is None:
            continue
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{name} must be {_WORDS[kind]}. Received: {value!r:.40}")
        for key in _TEXTS.get(name, ()):
            if not isinstance(value.get(key), str):
                raise ValueError(
                    f"{name}.{key} must be a text. Received: {value.get(key)!r:.40}"
                )
