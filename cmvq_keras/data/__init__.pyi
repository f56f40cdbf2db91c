"""The public names, for type checkers: at run time they are imported on demand."""

from cmvq_keras.data.listing import SkippedSample as SkippedSample
from cmvq_keras.data.store.split_writer import Sample as Sample
from cmvq_keras.data.store.store import Store as Store
