"""The mask over features that are neither quantized nor decoded."""

from cmvq_keras.methods.method import PENALTY_WEIGHT, Method

METHOD = Method(
    name="no-reconstruction",
    title="mask, no reconstruction",
    source="Tejero-de-Pablos, WACV 2024, Table 4",
    settings={"model.reconstruction": False},
    tuned=PENALTY_WEIGHT,
)
