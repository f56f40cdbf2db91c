"""What the package's modules import, read from their text."""

import ast
import functools
import pathlib

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@functools.cache
def modules():
    """The syntax tree of each module, by its name below `cmvq_keras`."""
    found = {}
    for top in ("cmvq_keras", "cli", "recipes"):
        for file in sorted((CHECKOUT / top).rglob("*.py")):
            parts = file.relative_to(CHECKOUT).with_suffix("").parts
            parts = parts[top == "cmvq_keras" :]
            name = ".".join(parts).removesuffix("__init__").removesuffix(".")
            found[name] = ast.parse(file.read_text())
    return found


def imported(name):
    """The full names that a module imports: anywhere in it, also in its functions."""
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                inner = f"{node.module}.{each.name}"
                known = inner.removeprefix("cmvq_keras.") in modules()
                yield inner if known else node.module


@functools.cache
def arrows():
    """Pairs (module, module that it imports), both of this package."""
    return {
        (name, other.partition(".")[2])
        for name in modules()
        for other in imported(name)
        if other.partition(".")[0] == "cmvq_keras"
    }


def circle():
    """The modules of one circle of imports, or an empty list."""
    below = {name: set() for name in modules()}
    for name, other in arrows():
        below[name].add(other)
    done = set()

    def visit(name, way):
        if name in way:
            return way[way.index(name) :]
        for other in () if name in done else sorted(below[name]):
            if found := visit(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next(filter(None, (visit(name, []) for name in below)), [])
