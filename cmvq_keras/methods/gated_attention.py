"""The mask's real weights in the place of zeros and ones."""

from cmvq_keras.methods.method import PENALTY_WEIGHT, Method

METHOD = Method(
    name="gated-attention",
    title="gated attention",
    source="Tejero-de-Pablos, WACV 2024, Table 2",
    settings={"model.mask_mode": "attention"},
    tuned=PENALTY_WEIGHT,
)
