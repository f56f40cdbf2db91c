"""Encoders, solver and decoders of a model, each a Keras model that is made once."""

import gc
import weakref

import numpy as np
from keras import ops
from tiny_model import tiny_data, tiny_model

from cmvq_keras.models import stages


def numpy_grids(model, x):
    """Dense encoders and the nearest codes, in float64 numpy."""
    found = {}
    for name in model.modalities:
        kernel, bias = (np.float64(w) for w in model.encoders[name].get_weights())
        grid = x[name] @ kernel + bias
        codes = np.float64(ops.convert_to_numpy(model.quantizers[name].codebook()))
        distances = ((grid[..., None, :] - codes) ** 2).sum(-1)
        found[name] = codes[distances.argmin(-1)]
    return found


def numpy_logits(model, grids, missing=None):
    """The masked grids, flattened, through the dense solver, in float64 numpy."""
    weights = np.split(ops.convert_to_numpy(model.mask.channel_weights), 2)
    shown = dict(zip(model.modalities, weights, strict=True))
    seen = [grids[name] * shown[name] * (name != missing) for name in model.modalities]
    kernel, bias = (np.float64(w) for w in model.solver.get_weights())
    flat = np.concatenate(seen, axis=-1).reshape(len(seen[0]), -1)
    return flat @ kernel + bias


def test_the_stages_compute_what_the_model_does():
    model, (x, _) = tiny_model(), tiny_data(7)
    model.mask.channel_weights.assign([1, 0, 1, 1, 0, 0, 1, 0])
    grids = stages.predicted(stages.encoder(model), x, 3)
    expected = numpy_grids(model, x)
    for name in model.modalities:
        np.testing.assert_allclose(grids[name], expected[name], atol=1e-5)
    logits = stages.predicted(stages.solver(model), grids, 3)
    assert list(logits) == ["", "image", "audio"]
    for missing in logits:
        np.testing.assert_allclose(
            logits[missing], numpy_logits(model, expected, missing), atol=1e-5
        )
    rebuilt = stages.predicted(stages.decoder(model), grids, 3)
    for name in model.modalities:
        kernel, bias = model.decoders[name].get_weights()
        np.testing.assert_allclose(
            rebuilt[name], expected[name] @ kernel + bias, atol=1e-5
        )


def test_all_batches_have_one_size(monkeypatch):
    model, (x, _) = tiny_model(), tiny_data(7)
    stage, sizes = stages.encoder(model), []
    predict = stage.predict_on_batch
    monkeypatch.setattr(
        stage,
        "predict_on_batch",
        lambda batch: sizes.append(len(batch["image"])) or predict(batch),
    )
    assert len(stages.predicted(stage, x, 3)["image"]) == 7
    assert sizes == [3, 3, 3]


def test_a_stage_is_made_once_and_follows_the_weights():
    model, (x, _) = tiny_model(), tiny_data(4)
    stage = stages.encoder(model, ("audio",))
    assert stages.encoder(model, ["audio"]) is stage
    assert stages.encoder(model) is stages.encoder(model, model.modalities) is not stage
    assert list(stage.input) == ["audio"]
    stages.predicted(stage, x, 4)
    model.set_weights([0 * each for each in model.get_weights()])
    found = stages.predicted(stage, x, 4)["audio"]
    np.testing.assert_array_equal(found, np.zeros_like(found))


def test_a_task_of_one_modality_has_one_output():
    solver = stages.solver(tiny_model(task_modalities=("audio",)))
    assert list(solver.input) == ["audio"]
    assert list(solver.output) == [""]


def test_stages_go_with_their_model():
    model = tiny_model()
    gone = weakref.ref(model)
    stages.solver(model), stages.decoder(model)
    del model
    gc.collect()
    assert gone() is None
