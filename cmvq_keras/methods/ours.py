"""CM-VQVAE as the recipe says."""

from cmvq_keras.methods.method import PENALTY_WEIGHT, Method

METHOD = Method(
    name="ours",
    title="ours",
    source="Tejero-de-Pablos, WACV 2024, Table 2",
    tuned=PENALTY_WEIGHT,
)
