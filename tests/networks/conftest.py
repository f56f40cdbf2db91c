"""Networks are tested with the same random weights each time."""

import pytest

from cmvq_keras.backend.selection import set_random_seed


@pytest.fixture(autouse=True)
def seeded():
    """A network of few channels may be dead in some of its places by chance."""
    set_random_seed(0)
