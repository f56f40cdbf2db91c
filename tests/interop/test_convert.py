"""The author's weights in and out of the CREMA-D model."""

import zipfile

import golden_numbers as golden
import keras
import numpy as np
import pytest
from damage import refused
from keras import ops

import cmvq_keras as cmvq
from cmvq_keras import networks
from cmvq_keras.interop import author_layout, convert


@pytest.fixture(scope="module")
def model():
    return cmvq.build_model(cmvq.recipes.get("crema-d", preset="code"))


@pytest.fixture(scope="module")
def state():
    return golden.draw_crema_d_state()


def small_model(**quantizer):
    """Two modalities, a few thousand weights."""
    sizes = {"hidden_channels": 4, "residual_channels": 2, "num_residual_layers": 1}
    stages = {"image": 1, "audio": 2}
    model = cmvq.CMVQVAE(
        {
            m: networks.ResidualEncoder(**sizes, num_stages=n, embedding_dim=2)
            for m, n in stages.items()
        },
        {
            m: networks.ResidualDecoder(1, **sizes, num_stages=n)
            for m, n in stages.items()
        },
        networks.ClassificationSolver(3, 2, 2, 1, units=4),
        {m: cmvq.VectorQuantizer(4, **quantizer) for m in stages},
        modalities=("image", "audio"),
    )
    model.build({"image": (None, 8, 12, 1), "audio": (None, 16, 24, 1)})
    return model


def arrays(model):
    return {v.path: ops.convert_to_numpy(v).copy() for v in model.variables}


def test_names_and_shapes_are_the_authors(model):
    state = convert.reference_state(model)
    assert {k: v.shape for k, v in state.items()} == golden.crema_d_shapes()
    assert list(state) == sorted(state)


def test_parameters_count_as_in_pytorch(model):
    buffers = ("running_mean", "running_var", "_ema_cluster_size")
    counted = [
        array.size
        for name, array in convert.reference_state(model).items()
        if not name.endswith(buffers)
    ]
    assert sum(counted) == 2_066_378


def test_every_name_comes_back_bit_for_bit(model, state):
    tracked = {
        name.replace("running_mean", "num_batches_tracked"): np.array(7)
        for name in state
        if name.endswith("running_mean")
    }
    convert.load_reference_state(model, {**state, **tracked})
    again = convert.reference_state(model)
    assert set(again) == set(state)
    for name, array in state.items():
        assert again[name].dtype == np.float32
        np.testing.assert_array_equal(again[name], array, err_msg=name)


def test_every_weight_of_the_model_is_reached(model):
    slots = author_layout.reference_slots(model)
    reached = {slot.variable.path for slot in slots.values()}
    assert len(reached) == len(slots)
    left = {v.path for v in model.weights} - reached
    assert not [p for p in left if not p.endswith(("initialized", "seed_state"))]


def test_the_first_dense_layer_follows_the_authors_flatten_order():
    model = small_model()
    state = convert.reference_state(model)
    kernel = ops.convert_to_numpy(model.solver.part("dense_1").kernel)
    grid = np.random.default_rng(0).normal(size=(1, 1, 2, 2)).astype("float32")
    ours = grid.reshape(1, -1) @ kernel
    theirs = golden.to_channels_first(grid).reshape(1, -1) @ (
        state["_classifier._fc1.weight"].T
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize(
    "quantizer",
    [
        {},
        {"start": "kmeans"},
        {"start": "reference"},
        {"decay": None},
        {"decay": None, "start": "reference"},
    ],
)
def test_loaded_codes_are_not_replaced_by_the_first_batch(quantizer):
    model = small_model(**quantizer, revival_threshold=0.0)
    rng = np.random.default_rng(0)
    state = {
        k: rng.uniform(0.5, 1.5, v.shape).astype("float32")
        for k, v in convert.reference_state(model).items()
    }
    convert.load_reference_state(model, state)
    layer = model.quantizers["image"]
    grid = rng.normal(size=(4, 3, 3, 2)).astype("float32")
    layer(grid, training=True)
    before = state["_vq_vae_image._embedding.weight"]
    codes = ops.convert_to_numpy(layer.codebook())
    if quantizer.get("decay", 0.99) is None:
        np.testing.assert_array_equal(codes, before)
    else:
        sizes = ops.convert_to_numpy(layer.ema_cluster_size)
        counts = (sizes - 0.99 * state["_vq_vae_image._ema_cluster_size"]) / 0.01
        assert np.sum(counts) == pytest.approx(4 * 3 * 3, rel=1e-2)


def test_all_faults_are_listed_and_the_model_left_alone():
    model = small_model()
    state = convert.reference_state(model)
    state = {k: v + 1 for k, v in state.items()}
    before = arrays(model)
    del state["_classifier._fc2.bias"]
    state["_encoder_image._conv1.weight"] = state.pop("_encoder_image._conv_1.weight")
    state["_classifier.private_shared_mask"] = np.zeros(4, "float32")
    state["_encoder_audio._bn_1.bias"] = np.array(["a", "b"])
    state["_encoder_audio._bn_1.weight"] = np.array([1.0, 1e300])
    with pytest.raises(ValueError, match=r"6 fault\(s\)") as error:
        convert.load_reference_state(model, state)
    text = str(error.value)
    assert "\n" not in text
    assert "_classifier._fc2.bias is missing" in text
    assert "_encoder_image._conv_1.weight is missing" in text
    assert (
        "_encoder_image._conv1.weight is unknown "
        "(nearest: _encoder_image._conv_1.weight)" in text
    )
    assert "private_shared_mask must have the shape (4, 1, 1), not (4,)" in text
    assert "_encoder_audio._bn_1.bias must have the shape (2,)" in text or (
        "_encoder_audio._bn_1.bias must be real numbers" in text
    )
    assert "_encoder_audio._bn_1.weight must be finite in float32" in text
    for path, array in arrays(model).items():
        np.testing.assert_array_equal(array, before[path])


def test_an_unbuilt_model_is_refused():
    model = cmvq.CMVQVAE(
        {"image": networks.ResidualEncoder(4, 2)},
        {"image": networks.ResidualDecoder(1, 4, 2)},
        networks.ClassificationSolver(3, 2, 2),
    )
    with pytest.raises(ValueError, match="must be built"):
        convert.reference_state(model)


def test_networks_that_the_author_does_not_have_are_refused():
    network = networks.PoseDecoder(4, 2, 2, 4, 2)
    network.build((None, 2, 2, 3))
    with pytest.raises(ValueError, match=r"ResidualEncoder.*Received: PoseDecoder"):
        author_layout.network_slots(network)


def test_a_file_of_pytorch_is_read(tmp_path):
    torch = pytest.importorskip("torch", reason="reading a .pt file needs PyTorch")
    model = small_model()
    state = convert.reference_state(model)
    tensors = {k: torch.from_numpy(v.copy()) for k, v in state.items()}
    tensors["_classifier._bn_1.num_batches_tracked"] = torch.tensor(3)
    tensors["_classifier._fc2.bias"] = tensors["_classifier._fc2.bias"].bfloat16()
    torch.save(tensors, tmp_path / "model.pt")
    read = convert.read_reference_file(tmp_path / "model.pt")
    assert set(read) == set(tensors)
    convert.load_reference_state(model, read)
    for name, array in convert.reference_state(model).items():
        if name != "_classifier._fc2.bias":
            np.testing.assert_array_equal(array, state[name])


def test_other_files_are_refused_in_one_line(tmp_path):
    torch = pytest.importorskip("torch", reason="reading a .pt file needs PyTorch")
    files = {}
    for name, contents in {"text": b"no weights", "empty": b""}.items():
        files[name] = tmp_path / f"{name}.pt"
        files[name].write_bytes(contents)
    for name, value in {
        "list": [torch.zeros(2)],
        "nested": {"state_dict": {"a": torch.zeros(2)}},
        "code": torch.nn.Linear(2, 2),
    }.items():
        files[name] = tmp_path / f"{name}.pt"
        torch.save(value, files[name])
    whole = tmp_path / "whole.pt"
    torch.save({"a": torch.zeros(1000)}, whole)
    files["cut"] = tmp_path / "cut.pt"
    files["cut"].write_bytes(whole.read_bytes()[:1500])
    for path in files.values():
        with pytest.raises(ValueError, match="readable PyTorch state dict") as error:
            convert.read_reference_file(path)
        assert "\n" not in str(error.value)
        assert path.name in str(error.value)
    with pytest.raises(FileNotFoundError, match=r"nothing\.pt"):
        convert.read_reference_file(tmp_path / "nothing.pt")


def test_a_tensor_that_is_larger_than_its_file_is_refused(tmp_path):
    torch = pytest.importorskip("torch", reason="reading a .pt file needs PyTorch")
    one = torch.zeros(1, dtype=torch.float16)
    block = torch.zeros(1000)
    for told, state in {
        "encoder is (2147483648,), 4,294,967,296 bytes, in 2 bytes": {
            "encoder": one.expand(2**31)
        },
        "a\\x1b[2J is (1000, 1000), 4,000,000 bytes, in 4,000 bytes": {
            "a\x1b[2J": block.expand(1000, 1000)
        },
        "it is 4,000,000 bytes, in": {str(row): block for row in range(1000)},
    }.items():
        path = tmp_path / "bomb.pt"
        torch.save(state, path)
        assert told in refused(convert.read_reference_file, path)


def test_a_packed_archive_is_refused(tmp_path):
    torch = pytest.importorskip("torch", reason="reading a .pt file needs PyTorch")
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "whole.pt")
    path = tmp_path / "packed.pt"
    with (
        zipfile.ZipFile(tmp_path / "whole.pt") as whole,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in whole.namelist():
            packed.writestr(name, whole.read(name))
    assert path.stat().st_size < 10**5
    assert "it is packed" in refused(convert.read_reference_file, path)


def test_only_some_of_many_faults_are_told():
    model = small_model()
    state = convert.reference_state(model)
    state |= {f"unknown {number}": np.zeros(1) for number in range(100_000)}
    with pytest.raises(ValueError, match=r"100000 fault\(s\)") as error:
        convert.load_reference_state(model, state)
    assert len(str(error.value)) < 3000


def test_without_pytorch_the_reason_is_told(monkeypatch, tmp_path):
    if keras.backend.backend() == "torch":
        pytest.skip("this backend is PyTorch itself")
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(ImportError, match="pip install torch"):
        convert.read_reference_file(tmp_path / "model.pt")
