"""RML: six emotions, one video frame and the speech of a clip.

Published: the network, as for CREMA-D, from which it is fine-tuned. Batch and epochs
are CREMA-D's, for want of stated ones. Ours, in the default: what is ours there, and
the order of the classes: the author's code starts with happiness, sadness, anger;
here they are alphabetical and named as in CREMA-D, so that the five that both data
sets share can be matched by name.

Published, too: what is taken of a clip. Its middle frame, and to train one of the
frames -22 to +23 around it: the central 190 x 190 pixels (380 x 380 where the height is
not 240), resized to 128 x 128, in [0, 1]. Its middle 2.5 seconds of sound at 32 kHz,
as a log-mel spectrogram like CREMA-D's: 227 steps, reflected at both ends to 256.
Preset "code" takes the sound for one of twice its rate, as the author's code does: of a
clip at 16 kHz it then has 5 seconds, squeezed into the same 227 steps.

How the clips are split is not published. `data.split` is "random" (80 / 10 / 10 % of
every class, so that every speaker is in all three parts) or "speaker" (the speaker
`data.fold`, 0 to 7, to test, the next one to validate). `data.frames` of the 46 frames
are drawn for each clip by `data.seed` and stored, and a training draws one of them an
epoch: 4, as for CREMA-D.

The normalization of the sound is CREMA-D's, a guess.
"""

import dataclasses

from cmvq_keras.data.datasets.rml import reader
from cmvq_keras.data.formats import audio, images, video
from cmvq_keras.data.transforms import griffin_lim
from cmvq_keras.recipes import crema_d

SOURCES = ("rml",)

RECIPE = dataclasses.replace(
    crema_d.RECIPE,
    name="rml",
    title="acted emotions: face and speech (RML)",
    classes=("anger", "disgust", "fear", "happy", "sad", "surprise"),
    data={
        "seed": 0,
        "split": "random",
        "fold": 0,
        "frames": 4,
        "seconds": 2.5,
        "rate_factor": 1,
    },
)

PRESETS = {"code": {**crema_d.PRESETS["code"], "data.rate_factor": 2}}

FILES = {
    "image": {
        **dict.fromkeys(video.ENDINGS, reader.read_image),
        **dict.fromkeys(images.ENDINGS, reader.read_picture),
    },
    "audio": dict.fromkeys((*video.ENDINGS, *audio.ENDINGS), reader.read_audio),
}
SOUNDS = {"audio": griffin_lim.Spectrogram.of(reader.MEL)}


def open_split(recipe, split, data_dir=None):
    """One split; see `cmvq_keras.recipes.open_split`."""
    return reader.open_split(recipe, split, data_dir)
