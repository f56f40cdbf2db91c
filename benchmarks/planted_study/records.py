"""The study's raw numbers: a CSV file, one line a training."""

import csv

COLUMNS = (
    "cell",  # U-V: bits that the image alone carries, and audio alone
    "seed",  # of data and training
    "settings",  # what differs from `trial.BASE`, NAME=VALUE with spaces between
    "backend",
    "accuracy",  # on test data, in [0, 1]
    "optimum",  # the best that is possible, in [0, 1]
    "planted_zeta",  # empty where neither modality carries a bit alone
    "zeta",
    "image_bits",  # what the image alone carries
    "audio_bits",
    "image_compl",  # percent of all channels
    "audio_compl",
    "image_bits_lost",  # of the label, with the images shuffled among the samples
    "audio_bits_lost",
    "image_information",  # bits; see `cmvq_keras.evaluation.conditional_information`
    "audio_information",
    "information_zeta",  # empty where neither adds a bit
    "image_missing",  # accuracy with zeros in its channels
    "audio_missing",
    "seconds",  # of the training
    "image_weights",  # of the mask's channels
    "audio_weights",
)
WORDS = ("cell", "settings", "backend", "image_weights", "audio_weights")


def key(row):
    """What tells one training from another."""
    return row["cell"], int(row["seed"]), row["settings"]


def read(path):
    """The lines of a file so far; none if it is not there.

    Returns:
        Dictionaries by column; numbers are floats, an empty field is None.

    Raises:
        ValueError: for a file with other columns, or a broken line.
    """
    if not path.exists():
        return []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(
                f"{path} must have the columns {', '.join(COLUMNS)}. Received: "
                f"{', '.join(reader.fieldnames or ['none'])}"
            )
        return [_parsed(row, path, reader.line_num) for row in reader]


def _parsed(row, path, line):
    try:
        # The reader fills a short line with None, and keeps what is too much there.
        if None in row or None in row.values():
            raise ValueError
        return {name: _value(name, text) for name, text in row.items()}
    except ValueError:
        raise ValueError(f"{path}, line {line}: not one value a column.") from None


def _value(name, text):
    if name in WORDS:
        return text
    return float(text) if text else None


def append(path, row):
    """Adds a training's line; the first one brings the header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow({name: _text(row[name]) for name in COLUMNS})


def _text(value):
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
