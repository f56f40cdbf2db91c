"""Late fusion with one dense layer, the base that OGM's equations need."""

from cmvq_keras.methods.late_fusion import LateFusion
from cmvq_keras.methods.method import WEIGHT_DECAY

METHOD = LateFusion(
    name="late-fusion-linear",
    title="late fusion, linear",
    source="Peng et al., CVPR 2022, Section 3.1, eq. 1",
    linear=True,
    tuned=WEIGHT_DECAY,
)
