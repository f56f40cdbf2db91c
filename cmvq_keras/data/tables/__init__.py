"""A table of files: a CSV file with a row a sample as a recipe and its listings."""

from cmvq_keras.data.tables.table import Table, open_split, open_table

__all__ = ["Table", "open_split", "open_table"]
