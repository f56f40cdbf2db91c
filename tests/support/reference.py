"""The method once more, in float64 numpy, written from the equations alone."""

import numpy as np


def nearest(vectors, codebook):
    """arg min ||z - c|| (paper, Section 3.1; printed there as arg max), and the
    margin: squared distance of the second nearest code minus that of the nearest."""
    vectors, codebook = np.float64(vectors), np.float64(codebook)
    distances = ((vectors[:, None, :] - codebook[None]) ** 2).sum(axis=-1)
    two = np.sort(distances, axis=1)[:, :2]
    return distances.argmin(axis=1), two[:, 1] - two[:, 0]


def quantizer_loss(vectors, codes, beta=0.25, by_gradient=False):
    """Commitment loss, and the codebook's own when it learns by gradient."""
    distance = ((np.float64(codes) - np.float64(vectors)) ** 2).mean()
    return (beta + by_gradient) * distance


def perplexity(indices, num_embeddings):
    shares = np.bincount(np.ravel(indices), minlength=num_embeddings) / np.size(indices)
    return np.exp(-np.sum(shares * np.log(shares + 1e-10)))


def moving_average_step(size, total, vectors, indices, decay=0.99, epsilon=1e-5):
    """Counts, sums and codes after one batch; the smoothed count is what is kept."""
    codes = len(size)
    counts = np.zeros(codes)
    sums = np.zeros(np.shape(total))
    np.add.at(counts, indices, 1)
    np.add.at(sums, indices, np.float64(vectors))
    size = decay * np.float64(size) + (1 - decay) * counts
    n = size.sum()
    size = (size + epsilon) / (n + codes * epsilon) * n
    total = decay * np.float64(total) + (1 - decay) * sums
    return size, total, total / size[:, None]


def kmeans(vectors, centres, steps):
    """Lloyd's steps; a centre that wins nothing stays."""
    centres = np.float64(centres)
    for _ in range(steps):
        indices, _ = nearest(vectors, centres)
        for code in np.unique(indices):
            centres[code] = vectors[indices == code].mean(axis=0)
    return centres


def mask_values(weights, threshold, mode="binary", inverse=False):
    values = np.where(weights > threshold, 1.0, 0.0)
    if mode == "ternary":
        values = np.where(weights < 0, -1.0, values)
    return 1 - np.abs(values) if inverse else values


def cross_entropy(logits, labels):
    logits = np.float64(logits)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_shares = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_shares, labels[..., None], axis=-1)[..., 0]


def complementarity(values):
    """compl and contr in percent of M * D, and zeta (docs/method.md, Section 4)."""
    channels = sum(v.size for v in values.values())
    compl = {m: 100 * np.count_nonzero(v) / channels for m, v in values.items()}
    contr = {
        m: 100 * (v.size - np.count_nonzero(v)) / channels for m, v in values.items()
    }
    low, high = min(compl.values()), max(compl.values())
    return compl, contr, low / high if high else 0.0


def macro_f1(labels, predictions, classes):
    scores = []
    for index in range(classes):
        hits = np.sum((labels == index) & (predictions == index))
        size = np.sum(labels == index) + np.sum(predictions == index)
        if size:
            scores.append(2 * hits / size)
    return np.mean(scores)


def iou(labels, predictions, classes):
    """Intersection over union by class; NaN for those in neither."""
    scores = np.full(classes, np.nan)
    for index in range(classes):
        true, predicted = labels == index, predictions == index
        union = np.sum(true | predicted)
        if union:
            scores[index] = np.sum(true & predicted) / union
    return scores
