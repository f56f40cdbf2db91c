"""What the networks of each kind of modality are, found by the kind's name.

A file of this folder registers its kinds: `NETWORKS = {"sequence": "SEQUENCE"}` names a
`KindNetworks` of it, as a literal.
"""

from cmvq_keras import registry


class KindNetworks:
    """The networks of one kind of modality. A subclass gives `autoencoder`."""

    def autoencoder(self, name, modality, settings):
        """A modality's encoder and decoder, two layers, not built.

        Args:
            name: of the modality; the layers are `<name>_encoder` and
                `<name>_decoder`.
            modality: its `cmvq_keras.recipe.Modality`.
            settings: the recipe's `cmvq_keras.recipe.ModelSettings`, with a grid that
                the modality's shape allows.
        """
        raise NotImplementedError

    def late_fusion(self, name, modality, settings):
        """The encoder of which a late fusion takes the mean over the grid."""
        return self.autoencoder(name, modality, settings)[0]


def get(name):
    """The `KindNetworks` of a kind.

    Raises:
        ValueError: for a kind without networks, with the nearest.
    """
    return registry.load("networks", "NETWORKS", name)


def residual_sizes(settings):
    """The sizes of a recipe's residual networks, by the names of their arguments."""
    return {
        "hidden_channels": settings.hidden_channels,
        "residual_channels": settings.residual_channels,
        "num_residual_layers": settings.residual_layers,
    }
