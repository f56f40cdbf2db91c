"""A table of inputs alone, to be predicted: paths, numbers or texts."""

from cmvq_keras import fileio
from cmvq_keras.data import kinds
from cmvq_keras.data.tables.columns import are_numbers, is_number, no_number, stem
from cmvq_keras.data.tables.reading import delimiter


def needed(recipe):
    """The modalities that a prediction takes, in the recipe's order."""
    return recipe.task_modalities or tuple(recipe.modalities)


def read(path, recipe):
    """The samples of a table, a row each.

    Args:
        path: `pathlib.Path` of a CSV file with a column of paths for each modality,
            relative to the file, or columns of numbers for a vector.
        recipe: a `Recipe`.

    Returns:
        A list of dictionaries by modality: a path, a text, or a tuple of numbers.

    Raises:
        ValueError: in one line with the path, for what is no such table.
        FileNotFoundError: if it is not there.
    """
    with fileio.opened(path, "table", fileio.MAX_BYTES) as file:
        content = file.read()
        rows = fileio.csv_rows(content, delimiter(content))
        return list(_rows(rows, recipe, path.parent))


def _rows(rows, recipe, folder):
    """A dict for every line of a table: a path, or the numbers of a vector."""
    _, columns = next(rows, (1, []))
    columns = [cell.strip() for cell in columns]
    lines = [(number, cells) for number, cells in rows if any(map(str.strip, cells))]
    if not lines:
        raise ValueError("it has no lines below its header")
    for number, cells in lines:
        if len(cells) != len(columns):
            raise ValueError(
                f"line {number} must have {len(columns)} cells. Received: {len(cells)}"
            )
    numbers = {
        name: places
        for name in needed(recipe)
        if (places := _numbered(recipe, name, columns, lines))
    }
    names = [name for name in needed(recipe) if name not in numbers]
    for name in names:
        if columns.count(name) != 1:
            fault = "has twice" if name in columns else "lacks"
            what, modality = f"the column {name}", recipe.modalities[name]
            if modality.kind == "vector" and name not in columns:
                what += f", or {modality.shape[0]} columns of numbers {name}_..."
            found = ", ".join(columns) or "none"
            raise ValueError(f"it {fault} {what}. Its columns: {found}")
    for number, cells in lines:
        row = dict(zip(columns, map(str.strip, cells), strict=True))
        empty = [name for name in names if not row[name]]
        if empty:
            raise ValueError(f"line {number} has no path in column {', '.join(empty)}")
        paths = {name: _item(recipe, folder, name, row[name]) for name in names}
        vectors = {
            name: _vector(number, {columns[place]: cells[place] for place in places})
            for name, places in numbers.items()
        }
        yield {name: (paths | vectors)[name] for name in needed(recipe)}


def _item(recipe, folder, name, cell):
    """The path that a cell names, or the text that it is."""
    kind, path = recipe.modalities[name].kind, folder / cell
    endings = {".npy", *kinds.get(kind).readers({})}
    is_text = kind == "tokens" and path.suffix.lower() not in endings
    return cell if is_text else path


def _numbered(recipe, name, columns, lines):
    """The places of a vector's columns, in the order in which it was trained."""
    modality = recipe.modalities[name]
    if modality.kind != "vector":
        return []
    if name in columns:
        place = columns.index(name)
        is_alone = modality.shape == (1,) and columns.count(name) == 1
        values = [row[place].strip() for _, row in lines]
        return [place] if is_alone and are_numbers(values) else []
    places = [place for place, each in enumerate(columns) if stem(each) == name]
    if len(places) > modality.shape[0]:
        # An attribute of a like name, which training took for one too.
        places = [
            place for place in places if are_numbers([row[place] for _, row in lines])
        ]
    places.sort(key=columns.__getitem__)
    return places if len(places) == modality.shape[0] else []


def _vector(number, cells):
    for name, cell in cells.items():
        if not is_number(cell):
            raise ValueError(
                f"line {number}: {name} {no_number(cell.strip())}. Received: {cell!r}"
            )
    return tuple(map(float, cells.values()))
