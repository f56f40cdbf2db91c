"""Features in two dimensions (paper, Fig. 5)."""

import numpy as np

from cmvq_keras.insight.opening import need

MIN_SAMPLES = 10


def project(features, seed=0):
    """t-SNE of features. Distances between far groups mean nothing in it.

    Args:
        features: `(n, columns)`.
        seed: of its start.

    Returns:
        `(n, 2)` float32; None with fewer than ten samples or without columns.
    """
    need("sklearn")
    from sklearn.manifold import TSNE

    count, columns = features.shape
    if count < MIN_SAMPLES or columns < 2 or not np.ptp(features, axis=0).any():
        return None
    perplexity = min(30.0, (count - 1) / 3)
    reducer = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    return reducer.fit_transform(features)
