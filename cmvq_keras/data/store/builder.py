"""How a store comes to be: in a folder of its own beside its place, split by split,
so that a killed preparation goes on where it stopped and nobody sees half a store."""

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Callable

import numpy as np

from cmvq_keras import fileio
from cmvq_keras.data import kinds
from cmvq_keras.data.formats import npy
from cmvq_keras.data.listing import Listing
from cmvq_keras.data.split import raw
from cmvq_keras.data.store import foreign, manifest
from cmvq_keras.data.store.fingerprint import fingerprint
from cmvq_keras.data.store.listing_writer import write_listing
from cmvq_keras.data.store.split_writer import ROWS, write_split
from cmvq_keras.data.transforms import standardization

PROGRESS = "progress.json"
_LOG = logging.getLogger(__name__)


def build(
    folder, recipe, splits, force, origin, on_progress, workers=None, finish=None
):
    """Writes a store into `folder`; see `cmvq_keras.data.store.store.Store.create`.

    Args:
        finish: function from the recipe and the number of training samples to the
            recipe that the store keeps, or None. The data settings stay.

    Raises:
        FileExistsError: when something is there already and may not be replaced, or
            another process is writing it.
    """
    check_place(folder, force)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        check_place(folder, force)
        partial = folder.with_name(f".{folder.name}.partial")
        progress = _Progress(partial, _plan(recipe, splits, origin))
        for split, source in splits.items():
            if not progress.is_done(split, source):
                entry = _write(
                    partial / split, recipe, source, on_progress, progress, workers
                )
                progress.finish(split, entry)
        done = {split: progress.done[split] for split in splits}
        recipe = _measured(recipe, partial)
        if finish is not None and "train" in done:
            recipe = finish(recipe, done["train"]["count"])
        content = manifest.to_json(_content(recipe, done))
        fileio.write_atomically(partial / manifest.FILE, content, partial)
        (partial / PROGRESS).unlink()
        fileio.take_place(partial, folder)


def _measured(recipe, partial):
    """The recipe with what is "auto" measured on the training data, if it has any."""
    if "train" not in {each.name for each in partial.iterdir()}:
        return recipe
    return standardization.measured(
        recipe,
        lambda name: _raw_blocks(partial / "train" / f"{name}.npy", recipe, name),
        lambda: np.array(npy.open_own(partial / "train" / manifest.LABELS)),
        kinds.masked(recipe),
    )


def _raw_blocks(path, recipe, name):
    values = npy.open_own(path)
    for start in range(0, len(values), ROWS):
        yield raw(np.array(values[start : start + ROWS]), recipe.modalities[name])


def _write(folder, recipe, source, on_progress, progress, workers):
    split = folder.name
    source = source() if callable(source) else source
    if isinstance(source, Listing):
        folder.mkdir(exist_ok=True)
        journal = progress.journal(split)
        return write_listing(
            folder, recipe, split, source, on_progress, journal, workers
        )
    fileio.discard(folder)
    folder.mkdir()
    source = foreign.rows_of(source, recipe, split)
    entry = write_split(folder, recipe, split, source, on_progress)
    if isinstance(source, foreign.Rows):
        report_skipped(split, entry["left_out"])
    return entry


def report_skipped(split, skipped):
    """Says on the log that rows of a frame or a table are not in the store.

    Args:
        split: the split's name.
        skipped: the manifest's notes of them, maybe none.
    """
    if skipped:
        first, reason = skipped[0]["sample"], skipped[0]["reason"]
        _LOG.warning(
            "%s: %d row%s skipped. The first is %s. store.skipped(%r) lists all",
            split,
            len(skipped),
            " is" if len(skipped) == 1 else "s are",
            reason if reason.startswith(f"{first}: ") else f"{first}: {reason}",
            split,
        )


@contextlib.contextmanager
def _alone(folder):
    """Keeps other processes from writing the same store; ends with the process."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FileExistsError(
            f"Another process is writing {folder}. Wait until it ends, or stop it."
        ) from None
    try:
        yield
    finally:
        lock.release()


class _Progress:
    """What of a store is on disk, in progress.json of its partial folder.

    Args:
        partial: the folder; emptied unless it is of the same plan.
        plan: what has to be the same for anything in it to be kept.

    Attributes:
        done: entries of the manifest of the splits that are whole, checked.
    """

    def __init__(self, partial, plan):
        self.path, self.plan = partial / PROGRESS, plan
        self.done, self._journals = {}, {}
        try:
            for folder in (partial, *map(partial.joinpath, plan["splits"])):
                if os.path.lexists(folder):
                    _check_folder(folder)
            with fileio.opened(self.path, "note", root=partial) as file:
                checksum, _, text = file.read().decode().partition("\n")
            content = json.loads(text)
            # What it says of files that are not checked again must not be damaged.
            if content["plan"] == plan and checksum == _checksum(text):
                self.done = {
                    split: entry
                    for split, entry in content["splits"].items()
                    if split in plan["splits"] and _is_whole(partial / split, entry)
                }
                self._journals = dict(content["journals"])
                return
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # nothing there, or nothing that can be gone on with
        self.done = {}
        fileio.discard(partial)
        partial.mkdir(parents=True)

    def journal(self, split):
        """The notes of a split that is being written, see `write_listing`."""
        journal = _Journal(self._journals.get(split, {}))
        journal.save = self.save
        self._journals = {split: journal}
        return journal

    def is_done(self, split, source):
        """Whether a split is whole and of these samples.

        A listing's raw files must be as they were. Arrays and functions are the same
        ones only as far as `origin` says so.
        """
        if split in self.done and isinstance(source, Listing):
            return self.done[split].get("listing") == fingerprint(source)
        return split in self.done and bool(self.plan["origin"])

    def finish(self, split, entry):
        """Notes that a split is whole."""
        self.done[split] = entry
        self._journals.pop(split, None)
        self.save()

    def save(self):
        """Writes all this to disk."""
        content = {
            "plan": self.plan,
            "splits": self.done,
            "journals": self._journals,
        }
        text = json.dumps(content)
        text = f"{_checksum(text)}\n{text}"
        fileio.write_atomically(self.path, text, self.path.parent)


def _checksum(text):
    return hashlib.sha256(text.encode()).hexdigest()


class _Journal(dict):
    """Notes of one split; `save()` writes them to disk."""

    save: Callable[[], None]


def check_place(folder, force):
    """Raises FileExistsError unless a store may be written to `folder`.

    With `force` a store may be replaced, never anything else.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not (folder / manifest.FILE).is_file():
        raise FileExistsError(
            f"{folder} exists and is not a store. Choose another folder, or remove it."
        )
    if not force:
        raise FileExistsError(
            f"{folder} already holds a store. Choose another folder, or replace it "
            "with --force (force=True)."
        )


def _plan(recipe, splits, origin):
    """What has to be the same for a finished split to be kept."""
    plan = {
        "settings": manifest.data_settings(recipe),
        "classes": list(recipe.outputs),
        "task": recipe.task,
        "versions": manifest.versions(),
        "splits": list(splits),
        "origin": origin,
    }
    return json.loads(json.dumps(plan))


def _is_whole(folder, entry):
    return all(
        (folder / name).is_file()
        and npy.checksum(folder / name, folder) == about["sha256"]
        for name, about in entry["files"].items()
    )


def _content(recipe, done):
    skipped = [note for entry in done.values() for note in entry["left_out"]]
    disjoint = {name for entry in done.values() for name in entry.get("disjoint", ())}
    splits = {
        split: {
            key: value
            for key, value in entry.items()
            if key not in ("left_out", "disjoint", "listing")
        }
        for split, entry in done.items()
    }
    checksums = [f"{split} {entry['samples_sha256']}" for split, entry in done.items()]
    return {
        "format": manifest.FORMAT,
        "recipe": json.loads(recipe.to_json()),
        "settings": manifest.data_settings(recipe),
        "split": {
            "name": recipe.data.get("split", "default"),
            "sha256": hashlib.sha256("\n".join(checksums).encode()).hexdigest(),
        },
        "splits": splits,
        "disjoint": sorted(disjoint),
        "left_out": skipped,
        "versions": manifest.versions(),
    }


def _check_folder(folder):
    """Raises ValueError for a link in the place of a folder, and for links in it."""
    if folder.is_symlink():
        raise ValueError(f"{folder} is a link")
    fileio.check_no_links(folder)
