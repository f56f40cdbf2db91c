"""A comparison's tables: for a terminal, as CSV, Markdown and LaTeX."""

import dataclasses

from cmvq_keras import fileio
from cmvq_keras.experiments import paired, plan, score_words, table_content
from cmvq_keras.experiments.score_words import title

NONE = "-"
NAMED = ("compl", "zeta", "without", "bits")  # numbers by modality
OF_A_MASK = ("compl", "zeta")
LEARNT = ("train", "gap", "last", "nll", "bits_error")  # numbers of a row
MEASURED = ("validation", "train_score", "last_score", "nll", "inference_parameters")


@dataclasses.dataclass(frozen=True)
class Table:
    """A comparison's table.

    Args:
        rows: `cmvq_keras.experiments.table_content.Row`s of what has been trained.
        scores: columns on how well each does: pairs of a title and its cells, texts.
        worth: columns on what each modality gives.
        made: columns on what it is made of.
        against: columns on what it wins over the best modality alone and plain fusion.
        learnt: columns on how it learnt. All five begin with the rows' titles.
        asides: lines on what the table does not hold.
        foot: pairs of a name and a text: all that the numbers depend on.
    """

    rows: list
    scores: list
    worth: list
    made: list
    asides: list
    foot: list
    against: list = dataclasses.field(default_factory=list)
    learnt: list = dataclasses.field(default_factory=list)

    @property
    def groups(self):
        """The groups of columns that have more than the rows' titles."""
        found = (self.scores, self.against, self.learnt, self.worth, self.made)
        return [group for group in found if len(group) > 1]


def of_study(study):
    """The `Table` of a `cmvq_keras.experiments.study.Study`."""
    results = study.results()
    found = [row for row in table_content.of_study(study, results) if row.seeds]
    return Table(
        found,
        *columns(study, found),
        [
            *paired.warnings(found, score_words.of_task(study.recipe.task)),
            *table_content.asides(study, results),
        ],
        list(table_content.lines(study, results)),
        columns_against(study, found),
        columns_learnt(study, found),
    )


def write(study, table):
    """Writes table.csv, table.md, table.tex and trials.csv into its folder."""
    for name, text in (
        ("table.csv", as_csv(study, table.rows)),
        ("table.md", markdown(table)),
        ("table.tex", latex(table)),
    ):
        fileio.write_atomically(study.out / name, text, study.out)
    write_trials(study)


def columns(study, found):
    """The table's cells as texts.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        found: its `table_content.Row`s.

    Returns:
        Three lists of pairs of a title and its cells, one a row: how well it does,
        what each modality gives, and what it is made of. Each begins with the rows'
        titles.
    """
    score, second = (title(name) for name in table_content.score_names(study))
    say = score_words.of_task(study.recipe.task)
    first = ", ".join(study.over) or "method"
    names = (first, [row.title for row in found])
    scores = [
        names,
        ("seeds", [len(row.seeds) for row in found]),
        (f"{score}{say.heading}", [_score(row.score, say) for row in found]),
        ("95 % interval", [_between(row.score, say) for row in found]),
    ]
    if study.reference:
        name = "difference to " + _title_of(study, study.reference)
        scores.append((name, [_signed(row.difference, say) for row in found]))
    scores.append(_second(second, [row.second for row in found], say))
    worth = [
        names,
        *_by_name(study, found, "without", f"without {{}}{say.heading}", say),
    ]
    worth += _by_name(study, found, "bits", "bits {}")
    made = [names, *_by_name(study, found, "compl", "compl {} (%)", 1)]
    made += _by_name(study, found, "zeta", "zeta {}")
    trained = [_count(row.parameters) for row in found]
    made.append(("parameters", trained))
    if any(row.inference_parameters is not None for row in found):
        answering = [_count(row.inference_parameters) for row in found]
        made.append(("inference parameters", answering))
    made.append(("seconds", [_spread(row.seconds, 0) for row in found]))
    return scores, worth, made


def columns_against(study, found):
    """Columns on the paired differences to the best modality alone and to plain
    fusion; arguments as in `columns`."""
    say = score_words.of_task(study.recipe.task)
    group = [columns(study, found)[0][0]]
    last = None
    for name, heading in (("alone", "to {}"), ("fusion", "to plain fusion")):
        own = [row.against.get(name) for row in found]
        if not any(own):
            continue
        (to,) = {each.to for each in own if each is not None}
        heading = heading.format(_title_of(study, to))
        group.append((heading, [_signed(each, say) for each in own]))
        group.append((f"p {heading}", [_p(each and each.p) for each in own]))
        group.append((f"Holm {heading}", [_p(each and each.holm) for each in own]))
        last = own
    if last and any(each and each.seeds_needed for each in last):
        numbers = [f"{say.factor * points / 100:g}" for points in paired.POINTS]
        cells = [" / ".join(_needed(each)) or NONE for each in last]
        group.append((f"seeds for {' / '.join(numbers)} {say.points}", cells))
    return group


def _needed(difference):
    return [f"{n:,}" for n in difference.seeds_needed.values()] if difference else []


def _p(value):
    return NONE if value is None else f"{value:.4f}"


def _count(value):
    return NONE if value is None else f"{value:,}"


def columns_learnt(study, found):
    """Columns on training score, its gap, last epoch, likelihood and bits against the
    truth; arguments as in `columns`."""
    score, _ = (title(name) for name in table_content.score_names(study))
    say = score_words.of_task(study.recipe.task)
    group = [columns(study, found)[0][0]]
    for key, heading, is_score in (
        ("train", f"train {score}{say.heading}", True),
        ("gap", f"gap to test ({say.points})", True),
        ("last", f"last epoch {score}{say.heading}", True),
        ("nll", "NLL (nats)", False),
        ("bits_error", "error of bits", False),
    ):
        numbers = [getattr(row, key) for row in found]
        if any(number is not None for number in numbers):
            written = [
                _score(each, say) if is_score else _spread(each, 3) for each in numbers
            ]
            group.append((heading, written))
    if any(row.chosen for row in found):
        group.append(("chosen", [_chosen(row.chosen) for row in found]))
    return group


def _chosen(values):
    named = [f"{name}={plan.shown(value)}" for name, value in values.items()]
    return ", ".join(named) or NONE


def _second(name, numbers, say):
    """A column of a share, or of an error in the targets' units."""
    if say.factor == 1:
        return name, [_spread(number, 4, "g") for number in numbers]
    return f"{name}{say.heading}", [_score(number, say) for number in numbers]


def _by_name(study, found, key, heading, way: int | score_words.ScoreWords = 2):
    """Columns by modality; `way`: digits, or the `ScoreWords` of a score."""
    for name in _names(study, found, key):
        numbers = [getattr(row, key).get(name) for row in found]
        if isinstance(way, int):
            cells = [_spread(number, way) for number in numbers]
        else:
            cells = [_score(number, way) for number in numbers]
        yield " ".join(heading.format(name).split()), cells


def _title_of(study, label):
    (found,) = (row["title"] for row in study.rows if row["label"] == label)
    return found


def _names(study, found, key):
    return table_content.names(study, [{key: getattr(row, key)} for row in found], key)


def _spread(number, digits=2, form="f"):
    if number is None:
        return NONE
    text = f"{number.mean:.{digits}{form}}"
    if number.deviation is None:
        return text
    return f"{text} ± {number.deviation:.{digits}{form}}"


def _score(number, say):
    if number is None:
        return NONE
    text = say.plain(number.mean, more=1)
    if number.deviation is None:
        return text
    return f"{text} ± {say.plain(number.deviation, more=1)}"


def _between(number, say, sign=""):
    if number is None or number.interval is None:
        return NONE
    low, high = (say.plain(edge, sign, 1) for edge in number.interval)
    return f"{low} to {high}"


def _signed(number, say):
    if number is None:
        return NONE
    return f"{say.plain(number.mean, '+', 1)} ({_between(number, say, '+')})"


def turned(columns):
    """Rows and header of columns."""
    header, cells = zip(*columns, strict=True)
    return list(zip(*cells, strict=True)), header


def _joined(table):
    """All columns side by side."""
    groups = (table.against, table.learnt, table.worth, table.made)
    further = [column for group in groups for column in group[1:]]
    return turned([*table.scores, *further])


def markdown(table):
    """The table, its asides and its foot."""
    cells, header = _joined(table)
    parts = [[_line(header), "|" + "---|" * len(header), *map(_line, cells)]]
    parts.append([f"- {_escaped(aside)}" for aside in table.asides])
    parts.append([f"- {name}: {_escaped(text)}" for name, text in table.foot])
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _line(cells):
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text):
    text = str(text).replace("\\", "\\\\").replace("|", "\\|")
    return text.replace("<", "&lt;").replace("*", "\\*")


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}


def latex(table):
    """A tabular, which needs no package; asides and foot as comments above it."""
    cells, header = _joined(table)
    comments = [f"% {name}: {text}" for name, text in table.foot]
    comments += [f"% {' '.join(aside.split())}" for aside in table.asides]
    body = [
        rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        r"\hline",
        _latex_line(header),
        r"\hline",
        *map(_latex_line, cells),
        r"\hline",
        r"\end{tabular}",
    ]
    return "\n".join([*comments, *body]) + "\n"


def _latex_line(cells):
    return " & ".join(map(_latex_text, cells)) + r" \\"


def _latex_text(text):
    return "".join(_LATEX.get(letter, letter) for letter in str(text))


def as_csv(study, found):
    """Numbers without rounding, scores 1 at most; a line a row."""
    score, second = table_content.score_names(study)
    lines = []
    for row in found:
        line = {"label": row.label, **row.values}
        line |= {"seeds": " ".join(map(str, row.seeds)), "n": row.n}
        line |= _cells(score, row.score) | _cells(second, row.second)
        line |= _cells("difference", row.difference)
        for key in NAMED:
            for name in _names(study, found, key):
                own = getattr(row, key).get(name)
                line |= _cells(f"{key}_{name}" if name else key, own)
        for name, found_ in row.against.items():
            line |= _cells(f"to_{name}", found_)
            line |= {f"to_{name}_p": found_.p, f"to_{name}_holm": found_.holm}
        for key in LEARNT:
            line |= _cells(key, getattr(row, key))
        line |= {f"chosen_{name}": value for name, value in row.chosen.items()}
        line |= {"parameters": row.parameters}
        line |= {"inference_parameters": row.inference_parameters}
        line |= _cells("seconds", row.seconds)
        lines.append(line)
    return _csv(lines)


def _cells(name, number):
    if number is None:
        number = table_content.Number(None)  # pyright: ignore
    low, high = number.interval or (None, None)
    return {
        name: number.mean,
        f"{name}_sd": number.deviation,
        f"{name}_low": low,
        f"{name}_high": high,
    }


def _csv(lines):
    names = dict.fromkeys(name for line in lines for name in line)
    columns = [n for n in names if any(line.get(n) is not None for line in lines)]
    rows = [columns, *([line.get(name) for name in columns] for line in lines)]
    return "".join(map(fileio.csv_line, rows))


def write_trials(study):
    """Writes trials.csv, a line a trial that has ended."""
    score, second = table_content.score_names(study)
    results = study.results()
    measured = [result.measured for result in results]
    names = {key: table_content.names(study, measured, key) for key in NAMED}
    lines = []
    for result in results:
        found = result.measured
        line = {"label": result.label, "seed": result.seed}
        for name, key in ((score, "score"), (second, "second")):
            line[name] = found.get(key)
        masked = study.has_mask(result.label)
        for key, own in names.items():
            shown = found.get(key, {}) if masked or key not in OF_A_MASK else {}
            for name in own:
                column = f"{key}_{name}" if name else key
                line[column] = shown.get(name)
        for name in ("n", "best_epoch", *MEASURED, "parameters", "seconds"):
            line[name] = found.get(name)
        lines.append({**line, "failure": result.failure})
    fileio.write_atomically(study.out / "trials.csv", _csv(lines), study.out)
