"""penn-pose: Penn Action's label files as sequences, against numpy."""

import csv
import io

import numpy as np
import pytest
from command_line import invoke
from tiny_penn_action import CLASSES, write_label, write_penn_action

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.batches import Batches, Mirrored
from cmvq_keras.data import render
from cmvq_keras.data.datasets.penn_action import reader
from cmvq_keras.data.kinds import drawing
from cmvq_keras.data.transforms.augmentation import Draws
from cmvq_keras.runs.run import Run

RECIPE = recipes.get("penn-pose")
STEPS, HIDDEN = 64, 4  # HIDDEN: a joint that is never visible


def _write(root, number, frames):
    """A label file of random places; the joint HIDDEN is not visible."""
    generator = np.random.default_rng(number)
    x, y = generator.uniform(0, 400, (2, frames, 13))
    visible = np.ones((frames, 13), np.uint8)
    visible[:, HIDDEN] = 0
    changes = {"x": x, "y": y, "visibility": visible, "nframes": frames}
    return write_label(root, number, **changes), x, y


def _expected(x, y):
    """`(64, 39)`: joint by joint x, y, visible, in the person's own coordinates."""
    shown = [joint for joint in range(13) if joint != HIDDEN]
    x, y = x - x[:, shown].mean(), y - y[:, shown].mean()
    unit = np.sqrt((np.square(x[:, shown]).mean() + np.square(y[:, shown]).mean()) / 2)
    frames, values = len(x), np.zeros((STEPS, 39))
    at = np.linspace(0, frames - 1, STEPS)
    if frames >= STEPS:
        at = np.rint(at)
    for joint in shown:
        for axis, track in enumerate((x / unit, y / unit)):
            values[:, 3 * joint + axis] = np.interp(
                at, np.arange(frames), track[:, joint]
            )
        values[:, 3 * joint + 2] = 1
    return values


@pytest.mark.once
@pytest.mark.parametrize("frames", [1, 7, 64, 150])
def test_a_label_file_is_a_sequence_of_64_steps(tmp_path, frames):
    path, x, y = _write(tmp_path, 1, frames)
    values = recipes.read_sample(RECIPE, "pose", path)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, _expected(x, y), atol=1e-5)


@pytest.mark.once
def test_a_split_has_the_sequences_and_the_samples_of_penn_action(tmp_path):
    written = {number: _write(tmp_path, number, 20)[1:] for number in range(1, 46)}
    changed = {"data.sequences": 45}
    for part in ("train", "validation", "test"):
        split = recipes.load_split(RECIPE.with_settings(changed), part, tmp_path)
        other = recipes.get("penn-action").with_modality("pose").with_settings(changed)
        same = recipes.load_split(other, part, tmp_path)
        assert split.samples.tolist() == same.samples.tolist()
        assert split.y.tolist() == same.y.tolist()
        assert split.x["pose"].shape == (len(same), STEPS, 39)
        for sample, values in zip(split.samples, split.x["pose"], strict=True):
            expected = _expected(*written[int(sample[-4:])])
            np.testing.assert_allclose(values, expected, atol=1e-5)


@pytest.mark.once
def test_a_padded_sequence_ends_in_zeros(tmp_path):
    path = _write(tmp_path, 1, 7)[0]
    padded = RECIPE.with_settings({"data.short_sequences": "pad"})
    values = recipes.read_sample(padded, "pose", path)
    stretched = recipes.read_sample(RECIPE, "pose", path)
    np.testing.assert_allclose(values[[0, 6]], stretched[[0, -1]], atol=1e-6)
    assert not values[7:].any()


@pytest.mark.once
def test_mirrored_sequences_change_sides_and_the_sign_of_x():
    batch = np.random.default_rng(0).normal(size=(8, STEPS, 39)).astype(np.float32)
    mirrors = recipes.mirrors(RECIPE)
    (seen, _) = Mirrored(Batches({"pose": batch}, np.arange(8), 8), 1.0, mirrors, 0)[0]
    assert seen["pose"].shape == batch.shape
    # Joint 0 is the head, then left and right take turns.
    for joint in range(13):
        other = joint + 1 if joint % 2 else joint - 1
        other = other if joint else 0
        here, there = seen["pose"][..., 3 * joint :], batch[..., 3 * other :]
        assert np.array_equal(here[..., 0], -there[..., 0])
        assert np.array_equal(here[..., 1:3], there[..., 1:3])


@pytest.mark.once
def test_augmentation_keeps_joints_that_are_not_visible_at_zero():
    generator = np.random.default_rng(0)
    batch = generator.normal(size=(6, STEPS, 13, 3)).astype(np.float32)
    batch[..., 2] = 1
    batch[:, :, HIDDEN] = 0
    batch = batch.reshape(6, STEPS, 39)
    change = recipes.augmentations(RECIPE)["pose"]
    changed = change.function(batch, Draws(np.random.default_rng(1), 6))
    assert (changed.shape, changed.dtype) == (batch.shape, batch.dtype)
    tracks = changed.reshape(6, STEPS, 13, 3)
    assert not tracks[:, :, HIDDEN].any()
    assert (np.delete(tracks, HIDDEN, axis=2)[..., 2] == 1).all()
    assert not np.allclose(changed, batch, atol=0.1)


@pytest.mark.once
def test_a_sequence_is_drawn_as_the_pose_that_it_is():
    generator = np.random.default_rng(0)
    tracks = generator.normal(size=(2, 12, 13, 3)).astype(np.float32)
    tracks[..., 2] = generator.integers(0, 2, (2, 12, 13))
    limbs = recipes.limbs(RECIPE)["pose"]
    assert isinstance(limbs, drawing.PoseLimbs)
    found = render.pictures(tracks.reshape(2, 12, 39), "sequence", 60, limbs)
    poses = render.pictures(tracks, "pose", 60, reader.LIMBS)
    for one, other in zip(found, poses, strict=True):
        assert np.array_equal(one, other)
    # Pairs alone say that y grows upward and the third number is a depth.
    upward = render.pictures(tracks.reshape(2, 12, 39), "sequence", 60, reader.LIMBS)
    assert not np.array_equal(upward[0], found[0])


@pytest.fixture(scope="module")
def trained_on_labels(tmp_path_factory):
    """A folder with label files, a store of them, and a run of one epoch on it."""
    folder = tmp_path_factory.mktemp("penn-pose")
    write_penn_action(folder)
    _ran("prepare", "--recipe=penn-pose", f"--data-dir={folder}",
         "--set=data.sequences=45", "--out", folder / "store")  # fmt: skip
    _ran("train", f"--store={folder / 'store'}", "--epochs=1", "--batch-size=4",
         "--set=model.hidden_channels=8", "--set=model.embedding_dim=4",
         "--set=model.num_embeddings=8", "--out", folder / "run")  # fmt: skip
    return folder


def test_a_label_file_is_predicted_as_in_the_store(trained_on_labels):
    run = Run.open(trained_on_labels / "run")
    assert run.recipe.modalities == RECIPE.modalities
    assert run.recipe.training.mirror == 0.5
    split = recipes.load_split(run.recipe, "test", store=trained_on_labels / "store")
    ((*expected,),) = cmvq.predict(run, {"pose": split.x["pose"][:1]})
    path = trained_on_labels / f"{split.samples[0].replace('/', '/labels/')}.mat"
    done = _ran("predict", run.directory, "--input", f"pose={path}")
    (found,) = csv.DictReader(io.StringIO(done))
    predicted = [float(found[f"p_{name}"]) for name in CLASSES]
    np.testing.assert_allclose(predicted, expected, atol=1e-4)


@pytest.mark.once
def test_sheet_report_and_pictures_show_skeletons(
    trained_on_labels, tmp_path, monkeypatch
):
    pytest.importorskip("matplotlib")
    drawn, skeleton = [], drawing.skeleton

    def noted(values, side, limbs):
        drawn.append((values.shape, tuple(limbs)))
        return skeleton(values, side, limbs)

    monkeypatch.setattr(drawing, "skeleton", noted)
    run, counts = trained_on_labels / "run", []
    for arguments in (
        ("data", "check", trained_on_labels / "store", "-o", tmp_path / "sheet.png"),
        ("report", run, "-o", tmp_path / "report"),
        ("reconstruct", run, "-o", tmp_path / "pictures"),
    ):
        _ran(*arguments)
        counts.append(len(drawn))
    assert 0 < counts[0] < counts[1] < counts[2]
    assert set(drawn) == {((STEPS, 13, 3), reader.LIMBS)}


def _ran(*arguments):
    done = invoke(*arguments)
    assert done.exit_code == 0, done.output
    return done.stdout
