"""CM-VQVAE that lets every channel through."""

from cmvq_keras.methods.method import Method

METHOD = Method(
    name="no-mask",
    title="reconstruction, no mask",
    source="Tejero-de-Pablos, WACV 2024, Table 4",
    settings={"model.mask_mode": "none"},
)
