"""Keras's own export of models of these layers: right for a batch of any size."""

import importlib.util

import keras
import numpy as np
import pytest
from keras import layers, ops

import cmvq_keras as cmvq
from cmvq_keras.layers import FiniteScalarQuantizer, VectorQuantizer

BACKEND = keras.config.backend()
NAMES = ("image", "audio")
QUANTIZERS = {
    "one codebook": lambda: VectorQuantizer(8, seed=1),
    "groups": lambda: VectorQuantizer(8, seed=1, groups=2),
    "scalars": lambda: FiniteScalarQuantizer(5),
}
needs_onnx = pytest.mark.skipif(
    BACKEND != "torch" or importlib.util.find_spec("onnxruntime") is None,
    reason="PyTorch writes ONNX, with the extra onnx",
)


def model_with(kind):
    """A whole model that has been called; its batch norms are not the identity."""
    keras.utils.set_random_seed(0)
    model = cmvq.CMVQVAE(
        encoders={
            name: keras.Sequential([layers.Conv2D(4, 3, strides=2, padding="same")])
            for name in NAMES
        },
        decoders={
            name: keras.Sequential([layers.Conv2DTranspose(1, 4, 2, padding="same")])
            for name in NAMES
        },
        solver=keras.Sequential([layers.Flatten(), layers.Dense(3)]),
        quantizers={name: QUANTIZERS[kind]() for name in NAMES},
    )
    model.build(dict.fromkeys(NAMES, (None, 8, 8, 1)))
    return model


def samples(count):
    generator = np.random.default_rng(0)
    shape = (count, 8, 8, 1)
    return {name: generator.normal(size=shape).astype("float32") for name in NAMES}


def assert_any_batch(answer, x, expected):
    for count in (1, 2, 16):
        few = {name: x[name][:count] for name in x}
        np.testing.assert_allclose(answer(few), expected[:count], atol=1e-5)


@needs_onnx
@pytest.mark.parametrize("kind", QUANTIZERS)
@pytest.mark.parametrize("whole", [False, True])
def test_onnx_files_of_keras_take_any_batch(kind, whole, tmp_path):
    import onnxruntime

    model, x = model_with(kind), samples(16)
    expected = model.predict(x, verbose=0)["task"]
    exported = model if whole else model.inference_model()
    exported.predict(x, verbose=0)
    path = str(tmp_path / "model.onnx")
    exported.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    names = [each.name for each in session.get_inputs()]
    # Keras numbers the inputs of a model whose input is a dictionary.
    order = sorted(NAMES) if whole else names

    def answer(few):
        fed = dict(zip(names, (few[name] for name in order), strict=True))
        outputs = session.run(None, fed)
        return next(each for each in outputs if each.shape[1:] == (3,))

    assert_any_batch(answer, x, expected)


@needs_onnx
@pytest.mark.parametrize("kind", QUANTIZERS)
def test_a_quantizer_alone_goes_to_onnx(kind, tmp_path):
    import onnxruntime

    inputs = keras.Input((6,))
    model = keras.Model(inputs, QUANTIZERS[kind]()(inputs)["quantized"])
    vectors = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
    expected = model.predict(vectors, verbose=0)
    path = str(tmp_path / "model.onnx")
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    name = session.get_inputs()[0].name
    for count in (1, 3, 16):
        (found,) = session.run(None, {name: vectors[:count]})
        np.testing.assert_array_equal(found, expected[:count])


@pytest.mark.skipif(BACKEND == "torch", reason="Keras writes it with the other two")
@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="It takes TensorFlow"
)
@pytest.mark.parametrize("kind", QUANTIZERS)
def test_a_saved_model_of_keras_takes_any_batch(kind, tmp_path):
    import tensorflow as tf

    model, x = model_with(kind), samples(16)
    expected = ops.convert_to_numpy(model(x)["task"])
    exported = model.inference_model()
    exported.predict(x, verbose=0)
    exported.export(str(tmp_path / "model"), format="tf_saved_model", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "model"))
    assert_any_batch(lambda few: served.serve(few).numpy(), x, expected)


@pytest.mark.skipif(BACKEND == "torch", reason="Keras writes it with the other two")
@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="It takes TensorFlow"
)
def test_a_whole_model_that_keras_cannot_write_is_refused_in_one_line(tmp_path):
    model = model_with("scalars")
    model(samples(1))
    with pytest.raises(ValueError, match=r"export inference_model\(\)") as error:
        model.export(str(tmp_path / "model"), format="tf_saved_model", verbose=False)
    text, cause = str(error.value), error.value.__cause__
    assert "\n" not in text
    assert str(cause).strip().splitlines()[0].strip()[:20] in text


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's own format")
def test_a_pytorch_program_answers_rightly_or_refuses_the_batch(tmp_path):
    import torch

    model, x = model_with("one codebook"), samples(4)
    expected = model.predict(x, verbose=0)["task"]
    exported = model.inference_model()
    exported.predict(x, verbose=0)
    path = str(tmp_path / "model.pt2")
    exported.export(path, format="torch", verbose=False)
    program = torch.export.load(path).module()
    tensors = {name: torch.tensor(x[name]) for name in x}
    one = {name: tensors[name][:1] for name in x}
    np.testing.assert_allclose(program(one).detach(), expected[:1], atol=1e-5)
    with pytest.raises(AssertionError, match="size"):
        program(tensors)
