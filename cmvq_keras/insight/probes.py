"""Linear probes: what can be read from features (paper, Table 5)."""

import numpy as np

from cmvq_keras.insight.opening import need

PERMUTATIONS = 20
HELD_OUT = 0.3
MIN_OF_A_CLASS = 4


def probe(features, labels, seed=0, permutations=PERMUTATIONS):
    """How well a linear classifier reads labels from features.

    It learns from 70 % of the samples and is measured on the others. The baseline
    does the same with shuffled labels: what is within its interval is chance.
    Samples count as independent: where one person gives several of them, the probe
    may know the person rather than the attribute.

    Args:
        features: `(n, columns)`; without columns the baseline of guessing remains.
        labels: `(n,)` words or numbers.
        seed: of the parts and the shuffles.
        permutations: shuffles.

    Returns:
        A dictionary: "accuracy", "most_frequent" (share of the commonest label in
        the held-out part), "permuted_mean" and "permuted_interval" (2.5 and 97.5 %
        of the shuffles) in [0, 1]; "n_train", "n_test", "columns", "labels".
        None where fewer than two labels have four samples.
    """
    need("sklearn")
    from sklearn.model_selection import train_test_split

    kept = np.isin(labels, frequent(labels))
    features, names = np.asarray(features)[kept], np.asarray(labels)[kept]
    known, codes = np.unique(names, return_inverse=True)
    if len(known) < 2:
        return None
    test = max(round(HELD_OUT * len(codes)), len(known))
    fitted, held = train_test_split(
        np.arange(len(codes)), test_size=test, random_state=seed, stratify=codes
    )
    generator = np.random.default_rng(seed)
    accuracy = _accuracy(features, codes, fitted, held)
    shuffled = [
        _accuracy(features, generator.permutation(codes), fitted, held)
        for _ in range(permutations)
    ]
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


def frequent(labels):
    """The labels that enough samples have for both parts of a probe."""
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
