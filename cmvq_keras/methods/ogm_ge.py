"""OGM with Gaussian noise that brings back the strength of the scaled gradients."""

from cmvq_keras.methods.ogm import ALPHAS, Ogm

METHOD = Ogm(
    name="ogm-ge",
    title="OGM-GE",
    source="Peng et al., CVPR 2022, Section 3 and Algorithm 1",
    noise=True,
    tuned=ALPHAS,
)
