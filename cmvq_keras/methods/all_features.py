"""Every channel for the task, and nothing else to learn: a plain fusion."""

from cmvq_keras.methods.method import Method

METHOD = Method(
    name="all-features",
    title="all features",
    source="Tejero-de-Pablos, WACV 2024, Table 2; Table 4, no reconstruction, no mask",
    settings={
        "model.reconstruction": False,
        "model.mask_mode": "none",
        "model.modality_loss_weight": 0.0,
    },
)
