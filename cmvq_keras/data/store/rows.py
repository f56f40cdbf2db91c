"""Arrays in a file whose rows several samples may share."""

import numpy as np


class Rows:
    """An array with one row a sample, of which the file holds each only once.

    `array[index]` takes a slice or an index array; the rest stays in the file.

    Args:
        values: memory-mapped `(rows, *shape)`, or `(rows, views, *shape)`.
        index: `(n,)` the row of each sample; None for sample i in row i.
        views: whether there is an axis of views: several pictures of one sample.

    Attributes:
        shape: `(n, *shape)`.
        dtype: as in the file.
        views: how many pictures of one sample there are.
    """

    def __init__(self, values, index=None, views=False):
        self.values = values
        self.index = index
        self._has_views = views
        self.views = values.shape[1] if views else 1
        count = len(values) if index is None else len(index)
        self.shape = (count, *values.shape[1 + views :])
        self.dtype = values.dtype

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, samples):
        return self.read(samples)

    def read(self, samples, view=0):
        """Values of some samples.

        Args:
            samples: a slice, or `(k,)` indices.
            view: the picture of each to take, a number or `(k,)`.

        Returns:
            `(k, *shape)`.
        """
        if isinstance(samples, slice) and self.index is None:
            found = self.values[samples]
            return found[:, view] if self._has_views else found
        if isinstance(samples, slice):
            samples = np.arange(len(self))[samples]
        rows = np.asarray(samples) if self.index is None else self.index[samples]
        return self.values[rows, view] if self._has_views else self.values[rows]

    def first(self, count):
        """The first `count` samples as `Rows`; None gives all."""
        if count is None:
            return self
        if self.index is None:
            return Rows(self.values[:count], None, self._has_views)
        return Rows(self.values, self.index[:count], self._has_views)
