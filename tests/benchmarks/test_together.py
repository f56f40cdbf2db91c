"""The benchmark of several seeds at once trains what it says."""

import pytest


@pytest.mark.once
def test_gradients_at_once_are_those_one_by_one(benchmark):
    torch = pytest.importorskip("torch")
    alone, at_once = benchmark("together")._torch(seeds=2, batch=4)
    mapped = at_once()
    for number, gradients in enumerate(alone()):
        for name, gradient in gradients.items():
            assert torch.allclose(mapped[name][number], gradient, atol=1e-5), name
