"""The reports of a comparison's trainings, which its page links to."""

import pathlib
from collections.abc import Callable, Iterator

from cmvq_keras.experiments.study import Study
from cmvq_keras.reporting.report import PAGE, report
from cmvq_keras.runs.data_source import DataSource


def write(
    study: Study, source: DataSource, on_progress: Callable[[str], None] | None = None
) -> list[pathlib.Path]:
    """Writes the report of each row's first finished seed, where it has none.

    Args:
        study: the comparison's `Study`.
        source: the data that it was trained on.
        on_progress: function that takes the folder of each run before its report.

    Returns:
        The paths of the pages that were written.

    Raises:
        ImportError: for a package that is missing, with what to install.
    """
    written = []
    for folder in _first_folders(study):
        if (folder / PAGE).is_file():
            continue
        if on_progress:
            on_progress(str(folder))
        places = {"data_dir": source.data_dir, "store": source.store}
        written.append(report(folder, **places))
    return written


def _first_folders(study) -> Iterator[pathlib.Path]:
    labels = set()
    for each in study.results():
        if not each.failure and each.label not in labels:
            labels.add(each.label)
            yield each.folder
