"""Half of the channels, drawn anew for every batch: nothing is learned of them."""

from cmvq_keras.methods.method import Method

METHOD = Method(
    name="random-mask",
    title="random mask",
    source="Tejero-de-Pablos, WACV 2024, Table 2",
    settings={"model.mask_mode": "random"},
)
