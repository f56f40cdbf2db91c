"""Samples rebuilt from parts of their features, with sounds (paper, Fig. 3 and 4)."""

from cmvq_keras import recipes
from cmvq_keras.reporting import images
from cmvq_keras.reporting.figures.figure import Figure, Picture

PLAYED = 3  # samples; a second of sound costs about a second
AUDIBLE = ("original", "all", "complementary", "contradictory")


def draw(opened, analysis, rows):
    """A picture a modality; none for a model without decoders."""
    recipe, model = opened.recipe, opened.model
    if not model.reconstructions:
        return
    x = opened.inputs(rows)
    decoded = {each: images.decoded(model, x, each) for each in model.reconstructions}
    for name in model.modalities:
        versions = {"original": x[name]}
        versions |= {each: values[name] for each, values in decoded.items()}
        sheet = images.sheet(images.compare(recipe, name, versions))
        sounds = tuple(_sounds(recipe, name, versions))
        png = images.png_bytes(sheet)
        yield Picture(f"decoded_{name}", f"{name}, rebuilt", png, sounds)


def _sounds(recipe, name, versions):
    spectrogram = recipes.sounds(recipe).get(name)
    if spectrogram is None:
        return
    for sample in range(min(PLAYED, len(versions["original"]))):
        for version in AUDIBLE:
            values = images.raw_values(recipe, name, versions[version][sample])
            yield f"sample {sample + 1}, {version}", spectrogram.to_wav(values)


FIGURE = Figure(position=10, draw=draw)
