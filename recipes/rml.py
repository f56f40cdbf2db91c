"""RML: six emotions, one video frame and the speech of a clip.

Published: the network, as for CREMA-D, from which it is fine-tuned. Batch and epochs
are CREMA-D's, for want of stated ones. Ours, in the default: what is ours there, and
the order of the classes: the author's code starts with happiness, sadness, anger;
here they are alphabetical and named as in CREMA-D, so that the five that both data
sets share can be matched by name.
"""

import dataclasses

from cmvq_keras.recipes import crema_d

SOURCES = ("rml",)

RECIPE = dataclasses.replace(
    crema_d.RECIPE,
    name="rml",
    title="acted emotions: face and speech (RML)",
    classes=("anger", "disgust", "fear", "happy", "sad", "surprise"),
)

PRESETS = crema_d.PRESETS
