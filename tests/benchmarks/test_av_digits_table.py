"""The table of av-digits' pairs."""

import csv

import numpy as np
import pytest
import tiny_sources
from PIL import Image

from cmvq_keras import recipes
from cmvq_keras.data.split import SPLITS

pytestmark = pytest.mark.once


def test_a_pair_is_a_row_with_its_files_and_its_split(benchmark, tmp_path, monkeypatch):
    made = benchmark("av_digits_table")
    tiny_sources.write_mnist(tmp_path)
    tiny_sources.write_fsdd(tmp_path)
    output = tmp_path / "digits.csv"
    words = ["--data-dir", str(tmp_path), "-o", str(output), "--limit", "7"]
    monkeypatch.setattr("sys.argv", ["av_digits_table", *words])
    made.main()
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == [each for each in SPLITS for _ in range(7)]
    for row in rows:
        # A tiny picture holds its row's number, which is its digit in the last place.
        number = np.asarray(Image.open(tmp_path / row["image"]))[0, 0]
        assert number % 10 == int(row["label"])
        sound = tmp_path / row["audio"]
        assert sound.is_file()
        assert sound.name.startswith(f"{row['label']}_theo_")
    listing = recipes.open_split(recipes.get("av-digits"), "test", tmp_path, 7)
    expected = [name.split(" + ")[0].replace("/", "-") for name in listing.names]
    found = [row["image"] for row in rows if row["split"] == "test"]
    assert found == [f"digits/{name}.png" for name in expected]
