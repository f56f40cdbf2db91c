"""Linear probes: what can be read from features (paper, Table 5).

scikit-learn runs on one thread here. Its threads wait for each other in small steps, a
thousand times a picture: beside another program on the same cores that takes several
times as long as one thread alone.
"""

import numpy as np

from cmvq_keras.reporting.packages import need

PERMUTATIONS = 20
HELD_OUT = 0.3
MIN_OF_A_CLASS = 4


def probe(features, labels, seed=0, permutations=PERMUTATIONS, groups=None):
    """How well a linear classifier reads labels from features.

    It learns from 70 % of the samples and is measured on the others. The baseline
    does the same with shuffled labels: what is within its interval is chance.
    Groups count as independent: where one person gives several of them, the probe may
    know the person rather than the attribute.

    Args:
        features: `(n, columns)`; without columns the baseline of guessing remains.
        labels: `(n,)` words or numbers.
        seed: of the parts and the shuffles.
        permutations: shuffles.
        groups: `(n,)` names; samples of the same one are on one side together, as a
            raw sample that stands in several pairs has to be. None for none.

    Returns:
        A dictionary: "accuracy", "most_frequent" (share of the commonest label in
        the held-out part), "permuted_mean" and "permuted_interval" (2.5 and 97.5 %
        of the shuffles) in [0, 1]; "n_train", "n_test" (samples), "columns",
        "labels". None where fewer than two labels have four groups.
    """
    need("sklearn")
    from sklearn.model_selection import train_test_split
    from threadpoolctl import threadpool_limits

    labels = np.asarray(labels)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    kept = np.isin(labels, frequent(labels[_firsts(groups)]))
    features, names, groups = np.asarray(features)[kept], labels[kept], groups[kept]
    known, codes = np.unique(names, return_inverse=True)
    if len(known) < 2:
        return None
    firsts = _firsts(groups)
    _, member = np.unique(groups, return_inverse=True)
    test = max(round(HELD_OUT * len(firsts)), len(known))
    _, held = train_test_split(
        np.arange(len(firsts)),
        test_size=test,
        random_state=seed,
        stratify=codes[firsts],
    )
    is_held = np.isin(member, held)
    fitted, held = np.flatnonzero(~is_held), np.flatnonzero(is_held)
    generator = np.random.default_rng(seed)
    shuffles = (
        generator.permutation(codes[firsts])[member] for _ in range(permutations)
    )
    with threadpool_limits(1):
        accuracy = _accuracy(features, codes, fitted, held)
        shuffled = [_accuracy(features, each, fitted, held) for each in shuffles]
    return {
        "accuracy": accuracy,
        "most_frequent": float(np.bincount(codes[held]).max() / len(held)),
        "permuted_mean": float(np.mean(shuffled)),
        "permuted_interval": np.quantile(shuffled, (0.025, 0.975)).tolist(),
        "n_train": len(fitted),
        "n_test": len(held),
        "columns": features.shape[1],
        "labels": [str(name) for name in known],
    }


def _firsts(groups):
    """The place of each group's first sample."""
    return np.unique(groups, return_index=True)[1]


def frequent(labels):
    """The labels that enough groups have for both parts of a probe."""
    names, counts = np.unique(labels, return_counts=True)
    return names[counts >= MIN_OF_A_CLASS]


def _accuracy(features, codes, fitted, held):
    if features.shape[1] == 0 or len(np.unique(codes[fitted])) < 2:
        guess = np.bincount(codes[fitted]).argmax()
        return float(np.mean(codes[held] == guess))
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    model.fit(features[fitted], codes[fitted])
    return float(model.score(features[held], codes[held]))


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
    from threadpoolctl import threadpool_limits

    count, columns = features.shape
    if count < MIN_SAMPLES or columns < 2 or not np.ptp(features, axis=0).any():
        return None
    perplexity = min(30.0, (count - 1) / 3)
    reducer = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    with threadpool_limits(1):
        return reducer.fit_transform(features)
