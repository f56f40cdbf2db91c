"""Samples rebuilt from parts of their features, with sounds (paper, Fig. 3 and 4)."""

from cmvq_keras import recipes
from cmvq_keras.reporting import images
from cmvq_keras.reporting.figures.figure import Figure, Picture, Strip

PLAYED = 3  # samples; a second of sound costs about a second


def draw(opened, analysis, rows):
    """A picture a modality; none for one whose features are rebuilt, and for a model
    without decoders."""
    recipe, model = opened.recipe, opened.model
    if not model.reconstructions:
        return
    x = opened.inputs(rows)
    decoded = {each: images.decoded(model, x, each) for each in model.reconstructions}
    for name in images.rebuilt(model):
        versions = {"original": x[name]}
        versions |= {each: values[name] for each, values in decoded.items()}
        columns = images.compare(recipe, name, versions)
        png = images.png_bytes(images.sheet(columns))
        strips = tuple(_strips(recipe, name, versions, columns))
        title = f"{name}, rebuilt"
        yield Picture(f"decoded_{name}", title, png, tuple(versions), strips)


def _strips(recipe, name, versions, columns):
    spectrogram = recipes.sounds(recipe).get(name)
    for sample, pictures in enumerate(zip(*columns.values(), strict=True)):
        sounds = ()
        if spectrogram is not None and sample < PLAYED:
            raw = (
                images.raw_values(recipe, name, values[sample])
                for values in versions.values()
            )
            sounds = tuple(map(spectrogram.to_wav, raw))
        yield Strip(images.png_bytes(images.strip(pictures)), sounds)


FIGURE = Figure(position=10, draw=draw)
