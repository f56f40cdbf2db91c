"""The baselines once more, in float64 numpy, written from the equations alone."""

import itertools

import numpy as np


def softmax(logits):
    logits = np.float64(logits)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def true_class_score(logits, y):
    return softmax(logits)[np.arange(len(y)), y].sum()


def ogm_scores(features, kernel, bias, y):
    """s_u = sum_i softmax(W_u phi_u + b / 2)[y_i] (OGM, eq. 8), for u = 0, 1."""
    halves = np.split(np.float64(kernel), 2)
    return [
        true_class_score(np.float64(phi) @ half + np.float64(bias) / 2, y)
        for phi, half in zip(features, halves, strict=True)
    ]


def ogm_coefficients(scores, alpha):
    """k_u = 1 - tanh(alpha s_u / s_v) if s_u > s_v, else 1 (OGM, eq. 10)."""
    ratios = [scores[0] / scores[1], scores[1] / scores[0]]
    return [1 - np.tanh(alpha * rho) if rho > 1 else 1.0 for rho in ratios]


def blend(generalization, overfitting):
    """w_k = G_k / O_k^2 over their sum (G-Blend, Proposition 1)."""
    raw = np.float64(generalization) / np.float64(overfitting) ** 2
    return raw / raw.sum()


def prototype_probabilities(features, prototypes):
    """softmax of minus the Euclidean distances (PMR, eq. 5)."""
    differences = np.float64(features)[:, None] - np.float64(prototypes)[None]
    return softmax(-np.sqrt((differences**2).sum(axis=-1)))


def pmr_terms(features, prototypes, y, alpha, mu):
    """Losses by modality, slowness by modality and what they add to the task's."""
    shares = [
        prototype_probabilities(*each)
        for each in zip(features, prototypes, strict=True)
    ]
    own = [share[np.arange(len(y)), y] for share in shares]
    pulls = [-np.log(each).mean() for each in own]
    entropies = [-(share * np.log(share)).sum(axis=1).mean() for share in shares]
    rho = own[0].sum() / own[1].sum()
    beta, gamma = np.clip(1 / rho - 1, 0, 1), np.clip(rho - 1, 0, 1)
    pulled = alpha * (beta * pulls[0] + gamma * pulls[1])
    total = pulled - mu * (gamma * entropies[0] + beta * entropies[1])
    return pulls, entropies, [beta, gamma], total


def log_mean_probability(logits):
    """log of the mean over modalities of the softmax of each."""
    return np.log(np.mean([softmax(each) for each in logits], axis=0))


def total_correlation_loss(logits, y):
    """TCMax's loss, from every way of pairing the samples of a batch anew."""
    count, classes = np.shape(logits[0])
    partition = 0.0
    for rows in itertools.product(range(count), repeat=len(logits)):
        together = sum(np.float64(f)[row] for f, row in zip(logits, rows, strict=True))
        partition += np.exp(together).sum()
    own = sum(np.float64(each)[np.arange(count), y] for each in logits)
    return -np.mean(np.log(np.exp(own) / partition)) - np.log(
        count ** len(logits) * classes
    )
