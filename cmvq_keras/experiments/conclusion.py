"""What a comparison has come to: tables, verdict, picture and page, written."""

import dataclasses

from cmvq_keras import fileio
from cmvq_keras.experiments import (
    curves,
    evidence,
    page,
    plot,
    tables,
    verdict,
    verdict_file,
)
from cmvq_keras.experiments.study import Study
from cmvq_keras.experiments.tables import Table
from cmvq_keras.experiments.verdict import Verdict
from cmvq_keras.fileio import notebook

PICTURE, CURVES = "table.png", "curves.png"


@dataclasses.dataclass(frozen=True)
class Conclusion:
    """What was written of a comparison.

    Args:
        study: the `Study`.
        table: the `cmvq_keras.experiments.tables.Table`.
        verdict: the `cmvq_keras.experiments.verdict.Verdict`; None for a sweep, and
            for a comparison without a modality alone or without a fusion.
        written: names of files.
        missing: lines on what was not written, and why.
        budget: pairs of a name and a text, as `of_study` takes them.
    """

    study: Study
    table: Table
    verdict: Verdict | None = None
    written: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    budget: tuple[tuple[str, str], ...] = ()

    def _repr_html_(self) -> str:
        """The verdict and the tables as a notebook shows them."""
        shown = self.study._repr_html_()
        if self.verdict is None:
            return shown
        rows = [(e.question, e.answer, e.sentence) for e in self.verdict.findings]
        return notebook.titled(self.verdict.sentence, notebook.table(rows), shown)


def of_study(study: Study, budget: tuple[tuple[str, str], ...] = ()) -> Conclusion:
    """Writes what a comparison has come to; nothing where no training has finished.

    Args:
        study: its `Study`.
        budget: pairs of a name and a text on what decided seeds and epochs.
    """
    table = tables.of_study(study)
    if not table.rows:
        return Conclusion(study, table)
    tables.write(study, table)
    written = ["table.csv", "table.md", "table.tex", "trials.csv"]
    found, results = None, study.results()
    if not study.over:
        found = verdict.of_evidence(evidence.of_study(study, table.rows, results))
    if found:
        verdict_file.write(study.out, found)
        written.append(verdict_file.FILE)
    missing = []
    try:
        png = plot.draw(study, table.rows)
        fileio.write_atomically(study.out / PICTURE, png, study.out)
        written.append(PICTURE)
        if panels := curves.of_results(results, study):
            png = curves.png(panels, {row.label: row.title for row in table.rows})
            fileio.write_atomically(study.out / CURVES, png, study.out)
            written.append(CURVES)
    except ImportError as error:
        missing.append(f"No plot: {error}")
    try:
        page.write(study, table, found, budget)
        written.append(page.FILE)
    except ImportError as error:
        missing.append(f"No page: {error}")
    return Conclusion(study, table, found, tuple(written), tuple(missing), budget)
