"""The numbers of a report against independent ones."""

import dataclasses

import numpy as np
import pytest
from command_line import error_of, invoke
from keras import layers
from PIL import Image

from cmvq_keras.layers import ThresholdMask
from cmvq_keras.metrics import complementarity
from cmvq_keras.models.masked import MaskedClassifier
from cmvq_keras.reporting import analysis, images, open, pooled_features, probes
from cmvq_keras.reporting.figures import epochs
from cmvq_keras.reporting.figures.pairwise_zeta import pairwise_matrix
from cmvq_keras.runs.load import load_model


@pytest.fixture(scope="module")
def opened(trained):
    return open.open_run(trained[0])


def test_samples_are_read_in_the_order_in_which_they_are_named(opened):
    x = opened.inputs([5, 0, 7])
    for name, values in x.items():
        expected = np.stack([opened.split.x[name][row] for row in (5, 0, 7)])
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(
    ("mode", "weights", "expected"),
    [
        ("binary", [0.2, 0.005, -0.3, 0.1], [1, 0, 0, 1]),
        ("ternary", [0.2, 0.001, -0.3, 0.1], [1, 0, 1, 1]),
        ("attention", [0.2, 0.001, -0.3, 0.1], [1, 0, 0, 1]),
        ("random", [0.2, 0.001, -0.3, 0.1], [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_a_channel_counts_as_the_mask_counts_it(mode, weights, expected):
    mask = ThresholdMask(threshold=0.005, mode=mode)
    encoders = {name: layers.Dense(2) for name in ("image", "audio")}
    model = MaskedClassifier(encoders, layers.Dense(3), mask=mask)
    model.build(dict.fromkeys(encoders, (None, 2, 2, 1)))
    mask.channel_weights.assign(weights)
    found = model.channel_shares()
    np.testing.assert_allclose(found["image"], expected[:2])
    np.testing.assert_allclose(found["audio"], expected[2:])


def test_a_grid_is_averaged_over_equal_parts():
    grid = np.arange(2 * 8 * 6 * 3, dtype=np.float64).reshape(2, 8, 6, 3)
    found = pooled_features.averaged(grid)
    assert found.shape == (2, 4, 3, 3)
    for row in range(4):
        for column in range(3):
            part = grid[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            np.testing.assert_allclose(found[:, row, column], part.mean(axis=(1, 2)))


def test_the_parts_of_the_features_are_all_channels_once(opened):
    found = pooled_features.of_samples(opened.model, opened.inputs([0, 1, 2]))
    measured = opened.model.complementarity()
    channels = opened.recipe.model.embedding_dim
    for name, parts in found.items():
        count = measured["counts"][name]
        assert parts["complementary"].shape == (3, 16 * count)
        assert parts["contradictory"].shape == (3, 16 * (channels - count))


def test_a_probe_reads_what_is_there_and_no_noise():
    pytest.importorskip("sklearn")
    generator = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 150)
    noise = generator.normal(size=(300, 6))
    told = noise.copy()
    told[:, 2] += 8 * (labels == "a")
    reads = probes.probe(told, labels)
    assert reads["accuracy"] > 0.97
    assert reads["accuracy"] > reads["permuted_interval"][1]
    chance = probes.probe(noise, labels)
    low, high = chance["permuted_interval"]
    assert low < 0.5 < high
    assert chance["accuracy"] < 0.65
    assert reads == probes.probe(told, labels)
    assert (reads["n_train"], reads["n_test"]) == (210, 90)


def test_a_probe_is_not_fooled_by_samples_that_it_has_seen():
    pytest.importorskip("sklearn")
    generator = np.random.default_rng(0)
    # Ten raw samples a label, each of them in twenty pairs; features of noise.
    raw = np.repeat(np.arange(20), 20)
    labels = np.where(raw < 10, "a", "b")
    features = generator.normal(size=(20, 15))[raw]
    assert probes.probe(features, labels)["accuracy"] > 0.95
    found = probes.probe(features, labels, groups=raw)
    low, high = found["permuted_interval"]
    assert low <= found["accuracy"] <= high
    assert (found["n_train"], found["n_test"]) == (280, 120)


def test_a_report_probes_the_raw_samples_of_pairs(opened, monkeypatch):
    pytest.importorskip("sklearn")
    names = [f"a{row // 4} + b{row}" for row in range(len(opened.split.samples))]
    pairs = dataclasses.replace(opened.split, samples=np.array(names))
    seen = []
    monkeypatch.setattr(
        probes, "probe", lambda *args, groups: seen.append(list(groups))
    )
    analysis.find(dataclasses.replace(opened, split=pairs))
    assert seen[0] == seen[1] == [f"a{row // 4}" for row in range(len(names))]
    assert seen[2] == seen[3] == [f"b{row}" for row in range(len(names))]


def test_a_projection_shows_some_of_the_samples_that_are_probed(opened, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(analysis, "PROBED", 40)
    monkeypatch.setattr(analysis, "DRAWN", 24)
    projected = []
    monkeypatch.setattr(
        probes, "project", lambda values, seed: projected.append(values)
    )
    found = analysis.find(opened)
    generator = np.random.default_rng(0)
    probed = np.sort(generator.choice(len(opened.split.y), 40, replace=False))
    rows = probed[np.sort(np.random.default_rng(0).choice(40, 24, replace=False))]
    names = np.asarray(opened.recipe.classes)[np.asarray(opened.split.y)[rows]]
    np.testing.assert_array_equal(found.words, names)
    parts = pooled_features.of_samples(opened.model, opened.inputs(rows))
    expected = [values for each in parts.values() for values in each.values()]
    for values, other in zip(projected, expected, strict=True):
        np.testing.assert_allclose(values, other, atol=1e-5)
    for each in found.probes.values():
        for probe in each.values():
            assert probe["n_train"] + probe["n_test"] <= 40


def test_a_probe_without_columns_guesses_and_without_labels_is_none():
    pytest.importorskip("sklearn")
    labels = np.repeat(["a", "b"], (30, 10))
    found = probes.probe(np.zeros((40, 0)), labels)
    assert found["accuracy"] == found["most_frequent"] == 0.75
    assert probes.probe(np.zeros((40, 2)), np.repeat("a", 40)) is None
    assert probes.probe(np.zeros((4, 2)), np.array(["a", "b", "c", "d"])) is None


def test_a_projection_keeps_far_groups_apart():
    pytest.importorskip("sklearn")
    groups = np.repeat((0.0, 50.0), 20)
    values = np.random.default_rng(0).normal(size=(40, 5)) + groups[:, None]
    places = probes.project(values.astype(np.float32))
    assert places.shape == (40, 2)
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    np.testing.assert_array_equal(groups[nearest], groups)
    assert probes.project(values[:5]) is None
    assert probes.project(values[:, :0]) is None


def test_a_report_computes_on_one_thread(monkeypatch):
    """Threads that wait for each other are many times as slow on busy cores."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    manifold = pytest.importorskip("sklearn.manifold")
    threadpoolctl = pytest.importorskip("threadpoolctl")
    found = []

    def watch(owner, name):
        work = getattr(owner, name)

        def watched(*arguments):
            pools = threadpoolctl.threadpool_info()
            found.append({pool["num_threads"] for pool in pools})
            return work(*arguments)

        monkeypatch.setattr(owner, name, watched)

    watch(linear_model.LogisticRegression, "fit")
    watch(manifold.TSNE, "fit_transform")
    values = np.random.default_rng(0).normal(size=(40, 3))
    with threadpoolctl.threadpool_limits(2):
        probes.probe(values, np.repeat(["a", "b"], 20), permutations=1)
        probes.project(values)
    assert found == [{1}] * 3


def test_curves_hold_what_history_has_and_contr_is_the_rest():
    history = [
        {"epoch": 1, "loss": 2.0, "image_compl": 20.0, "audio_compl": 50.0}
        | {"image_task_loss": 0.5},
        {"epoch": 2, "loss": None, "image_compl": 10.0, "audio_compl": 0.0},
    ]
    found = epochs.series(history, ["audio", "image"])
    assert found["losses"] == {"loss": [2.0, None], "head of image": [0.5, None]}
    assert found["complementarity"]["contr image"] == [30.0, 40.0]
    assert found["complementarity"]["contr audio"] == [0.0, 50.0]
    assert "zeta" not in found


def test_the_mix_is_drawn_on_the_scale_of_the_original(opened):
    x = opened.inputs([0, 1])
    louder = {"original": x["image"], "other": 3 * x["image"]}
    made = images.compare(opened.recipe, "image", louder, side=32)
    brightest = np.asarray(made["original"][0]).max()
    assert np.asarray(made["other"][0]).max() >= brightest
    values = opened.recipe.modalities["image"]
    raw = x["image"].astype(np.float64) * values.scale + values.offset
    low, high = raw.min(), raw.max()
    expected = np.round((raw[0, :, :, 0] - low) / (high - low) * 255)
    np.testing.assert_allclose(
        np.asarray(made["original"][0])[..., 0], expected, atol=1
    )


def _counts(**counts):
    return complementarity(
        {name: np.arange(16) < count for name, count in counts.items()}
    )


def test_the_matrix_of_pairs_is_symmetric():
    names, matrix = pairwise_matrix(_counts(image=4, audio=2, text=0))
    assert names == ["image", "audio", "text"]
    expected = [[np.nan, 0.5, 0], [0.5, np.nan, 0], [0, 0, np.nan]]
    np.testing.assert_array_equal(matrix, expected)
    assert pairwise_matrix(_counts(image=4, audio=2)) is None


@pytest.mark.parametrize("versions", ["mix", "contradictory, all,all"])
def test_reconstruct_writes_single_pictures(trained, tmp_path, versions):
    arguments = ["--samples", "0,5", "--features", versions, "-o", tmp_path]
    result = invoke("reconstruct", trained[0], *arguments)
    assert result.exit_code == 0, result.output
    kinds = ("original", *versions.replace(" ", "").split(","))
    expected = {
        f"{name}_{sample}_{kind}.png"
        for name in ("image", "audio")
        for sample in (0, 5)
        for kind in kinds
    }
    assert {path.name for path in tmp_path.iterdir()} == expected
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert picture.size == (256, 256)
            if path.name.endswith("original.png"):
                assert np.ptp(np.asarray(picture)) > 50


def test_reconstruct_tells_wrong_samples(trained, tmp_path):
    run, out = trained[0], ["-o", tmp_path]
    told = error_of("reconstruct", run, "--samples", "64", *out, code=1)
    assert "from 0 to 63. Received: 64" in told
    told = error_of("reconstruct", run, "--samples", "a,b", *out, code=2)
    assert "such as 0,5,7" in told
    wrong = ["--features", "all,complementry"]
    told = error_of("reconstruct", run, *wrong, *out, code=2)
    assert "Did you mean complementary?" in told
    picture = tmp_path / "one.png"
    told = error_of("reconstruct", run, "-o", picture, code=2)
    assert "--out must be a folder: each sample has a picture" in told
    assert not picture.exists()


def test_a_run_is_opened_with_its_own_weights(opened, trained):
    expected = load_model(trained[0]).get_weights()
    for found, wanted in zip(opened.model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
