"""Single samples as picture files."""

import pathlib

from cmvq_keras.fileio import write_atomically
from cmvq_keras.reporting import images

SIDE = 256  # pixels


def write(opened, samples, features, out):
    """Writes `<modality>_<sample>_original.png` and one `..._<features>.png` each.

    Args:
        opened: see `cmvq_keras.reporting.open.open_run`.
        samples: their numbers in the split.
        features: some of `CMVQVAE.reconstructions`.
        out: the folder, made if it is missing.

    Returns:
        The paths.

    Raises:
        ValueError: for a sample that the split does not have.
    """
    count = len(opened.split)
    if not samples or not 0 <= min(samples) <= max(samples) < count:
        text = ", ".join(map(str, samples))
        raise ValueError(
            f"Samples of {opened.name} must be from 0 to {count - 1}. Received: {text}"
        )
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    x = opened.inputs(samples)
    rebuilt = {each: images.decoded(opened.model, x, each) for each in features}
    written = []
    for name in images.rebuilt(opened.model):
        versions = {"original": x[name]}
        versions |= {each: found[name] for each, found in rebuilt.items()}
        compared = images.compare(opened.recipe, name, versions, SIDE)
        for version, made in compared.items():
            for sample, picture in zip(samples, made, strict=True):
                path = out / f"{name}_{sample}_{version}.png"
                write_atomically(path, images.png_bytes(picture))
                written.append(path)
    return written
