"""The short PyTorch script that utd-mhad is compared with."""

import numpy as np
import pytest
import scipy.io

pytestmark = pytest.mark.once  # it is PyTorch's alone


@pytest.fixture
def peer(benchmark):
    pytest.importorskip("torch")
    return benchmark("utd_mhad_peer")


def test_recordings_are_read_from_the_hip_and_stretched(peer, tmp_path):
    rng = np.random.default_rng(0)
    joints, inertial = rng.normal(size=(20, 3, 7)), rng.normal(size=(9, 6))
    for kind, name, values in (
        ("Skeleton", "d_skel", joints),
        ("Inertial", "d_iner", inertial),
    ):
        (tmp_path / kind).mkdir()
        path = tmp_path / kind / f"a27_s4_t2_{kind.lower()}.mat"
        scipy.io.savemat(path, {name: values})
    (tmp_path / "Skeleton" / "Skeleton_joint_order.txt").touch()  # as it is published
    inputs, labels, subjects = peer.read(tmp_path)
    assert (labels.tolist(), subjects.tolist()) == ([26], [4])
    skeleton = inputs["skeleton"][0].numpy().reshape(64, 20, 3)
    hip = joints[2, :, 0]
    np.testing.assert_allclose(skeleton[0], (joints[:, :, 0] - hip) / 0.4, rtol=1e-5)
    np.testing.assert_allclose(skeleton[-1], (joints[:, :, -1] - hip) / 0.4, rtol=1e-5)
    # Step 21 of 64 lies at 21 / 63 x 6 = 2 of 7, step 21 at 8 / 3 of 9.
    np.testing.assert_allclose(skeleton[21], (joints[:, :, 2] - hip) / 0.4, rtol=1e-5)
    between = inertial[2] / 3 + inertial[3] * 2 / 3
    expected = between / np.array([1, 1, 1, 120, 120, 120])
    np.testing.assert_allclose(inputs["inertial"][0, 21], expected, rtol=1e-5)


def test_a_turn_keeps_heights_and_distances(peer):
    import torch

    torch.manual_seed(0)
    x = torch.randn(3, 64, 60)
    turned = peer.turned(x)
    before, after = x.unflatten(2, (20, 3)), turned.unflatten(2, (20, 3))
    torch.testing.assert_close(after[..., 1], before[..., 1])
    torch.testing.assert_close(after.norm(dim=3), before.norm(dim=3))
    assert (after - before).abs().max() > 0.1


def test_it_learns_what_one_modality_tells(peer):
    import torch

    torch.manual_seed(0)
    labels = torch.arange(128) % 4
    inertial = torch.randn(128, 64, 6)
    inertial[:, :, 0] += 4.0 * labels[:, None]
    train = np.arange(128) < 96
    score = peer.accuracy({"inertial": inertial}, labels, train, ~train, 0, epochs=12)
    assert score > 0.8
