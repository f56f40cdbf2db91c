"""Maps of depth, or of another one quantity."""

from cmvq_keras.data.kinds.kind import Kind

AXES = {"depth": ("height", "width", "channels")}
KINDS = {"depth": "DEPTH"}

DEPTH = Kind()
