"""Every Python block of README and docs runs as it stands, from top to bottom."""

import json
import re
import shutil

import imports
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

pytestmark = pytest.mark.once

PAGES = {
    str(page.relative_to(imports.CHECKOUT)): found
    for page in (
        imports.CHECKOUT / "README.md",
        imports.CHECKOUT / "CONTRIBUTING.md",
        *sorted((imports.CHECKOUT / "docs").rglob("*.md")),
    )
    if (found := re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S))
}


def _export(trained, folder):
    """What docs/export.md has before its blocks: RUN, its model.onnx, new files."""
    pytest.importorskip("onnxruntime", reason="tox installs it with PyTorch alone")
    from cmvq_keras.cli import main

    options = ["export", str(trained[0]), "--format", "onnx", "-o", "model.onnx"]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 0, done.output
    (folder / "RUN").symlink_to(trained[0])
    values = np.arange(32 * 32, dtype=np.uint8).reshape(32, 32)
    Image.fromarray(values).save(folder / "new.png")
    np.save(folder / "new.npy", np.zeros((32, 32, 1), np.float32))


def _two_runs(trained, folder):
    """The runs that docs/reproduce.md has trained: they share some classes."""
    for name in ("rml-alone", "crema-d"):
        shutil.copytree(trained[0], folder / "runs" / name)
    file = folder / "runs" / "crema-d" / "recipe.json"
    recipe = json.loads(file.read_text())
    recipe["classes"][0] = "another"
    file.write_text(json.dumps(recipe))
    (file.parent / "metrics.json").unlink()  # of the other classes


BEFORE = {"docs/export.md": _export, "docs/reproduce.md": _two_runs}


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A block may choose a backend; Keras already has one here.
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.delenv("KERAS_BACKEND")
    BEFORE.get(page, lambda *_: None)(trained, tmp_path)
    names = {"__name__": page}
    for number, block in enumerate(PAGES[page]):
        exec(compile(block, f"{page}, block {number + 1}", "exec"), names)
