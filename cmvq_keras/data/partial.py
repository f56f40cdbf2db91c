"""How a store comes to be: in a folder of its own beside its place, split by split,
so that a killed preparation goes on where it stopped and nobody sees half a store."""

import hashlib
import json
import os
import shutil

from cmvq_keras.data import manifest, npy
from cmvq_keras.data.split_writer import write_split

PROGRESS = "progress.json"


def build(folder, recipe, splits, force, origin, told):
    """Writes a store into `folder`; see `cmvq_keras.data.store.Store.create`.

    Raises:
        FileExistsError: when something is there already and may not be replaced.
    """
    check_place(folder, force)
    partial = folder.with_name(f".{folder.name}.partial")
    plan = _plan(recipe, splits, origin)
    done = _continue(partial, plan)
    for split, source in splits.items():
        if split not in done:
            _remove(partial / split)
            (partial / split).mkdir()
            done[split] = write_split(partial / split, recipe, split, source, told)
            _write(partial / PROGRESS, json.dumps({"plan": plan, "splits": done}))
    content = _content(recipe, {split: done[split] for split in splits})
    _write(partial / manifest.FILE, manifest.to_json(content))
    (partial / PROGRESS).unlink()
    _publish(partial, folder)


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
            f"{folder} is there and is no store. Choose another folder, or remove it."
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
        "classes": list(recipe.classes),
        "task": recipe.task,
        "versions": manifest.versions(),
        "splits": list(splits),
        "origin": origin,
    }
    return json.loads(json.dumps(plan))


def _continue(partial, plan):
    """The entries of the splits that are finished, their files checked."""
    try:
        progress = json.loads((partial / PROGRESS).read_text(encoding="utf-8"))
        if progress["plan"] == plan:
            return {
                split: entry
                for split, entry in progress["splits"].items()
                if split in plan["splits"] and _is_whole(partial / split, entry)
            }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # nothing there, or nothing that can be gone on with
    _remove(partial)
    partial.mkdir(parents=True)
    return {}


def _is_whole(folder, entry):
    return all(
        (folder / name).is_file() and npy.checksum(folder / name) == about["sha256"]
        for name, about in entry["files"].items()
    )


def _content(recipe, done):
    left_out = [note for entry in done.values() for note in entry["left_out"]]
    splits = {
        split: {key: value for key, value in entry.items() if key != "left_out"}
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
        "left_out": left_out,
        "versions": manifest.versions(),
    }


def _publish(partial, folder):
    old = folder.with_name(f".{folder.name}.old")
    _remove(old)
    if folder.exists():
        os.replace(folder, old)
    os.replace(partial, folder)
    _remove(old)


def _remove(folder):
    if os.path.lexists(folder):
        shutil.rmtree(folder)


def _write(path, text):
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
