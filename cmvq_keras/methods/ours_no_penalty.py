"""CM-VQVAE with lambda = 0: nothing pulls the mask's weights down."""

from cmvq_keras.methods.method import Method

METHOD = Method(
    name="ours-no-penalty",
    title="ours, no penalty",
    source="Tejero-de-Pablos, WACV 2024, Table 2, ours without regularization",
    settings={"model.penalty_weight": 0.0},
)
