"""What takes the time, in the form that the backend computes fastest.

The equations are Keras's own; only their formulation and the order of the weights in
memory differ. All maps are `(batch, height, width, channels)`.
"""

import importlib

import keras

_room = importlib.import_module(f"{__name__}.{keras.config.backend()}")

#: `convolve(inputs, kernel, bias, strides, padding)`: a convolution as `keras.ops.conv`
#: with a kernel `(height, width, in, out)`; bias `(out,)` or None.
convolve = _room.convolve

#: `convolve_transposed(inputs, kernel, bias)`: a transposed convolution with a kernel
#: `(4, 4, out, in)`, stride 2, padding "same": the sides double.
convolve_transposed = _room.convolve_transposed

#: `max_pool(inputs)`: 3 x 3, stride 2, padded by 1 on each side.
max_pool = _room.max_pool

#: `normalize(inputs, scale, offset, epsilon)`: batch norm over the last axis of
#: `(batch, ..., channels)` in training. Returns the outputs, of the inputs' dtype, and
#: mean and (biased) variance `(channels,)`, float32.
normalize = _room.normalize

#: `normalize_by(inputs, mean, variance, scale, offset, epsilon)`: batch norm over the
#: last axis of float32 inputs by mean and variance that are given; None where Keras's
#: own form is as fast.
normalize_by = _room.normalize_by

#: `nearest(vectors, codebook)`: by row of `(n, depth)` the place of the nearest row in
#: `(codes, depth)`, the first of equally near ones, int32; without a gradient. No GPU
#: may round the distances to TF32 or bfloat16.
nearest = _room.nearest

#: `rows(table, places)`: those rows of `(n, depth)`; places are integers of any shape,
#: each of a row that is there.
rows = _room.rows

#: `segment_sum(values, segments, count)`: sums of the rows of each segment, as
#: `keras.ops.segment_sum`.
segment_sum = _room.segment_sum

#: `squared_difference(a, b)`: of two tensors of one shape.
squared_difference = _room.squared_difference

#: `straight_through(hard, soft)`: see `cmvq_keras.ops`.
straight_through = _room.straight_through

#: `drawn(draw, shape)`: the random values `draw(shape)`, where each depends on nothing
#: but its place in the flat array. What is drawn may be longer than the shape needs.
drawn = _room.drawn

#: `to_channels_last(variables)`: brings kernels into the order in memory that
#: `convolve` reads without a copy. Their values stay.
to_channels_last = _room.to_channels_last

#: `prepare_optimizer(model)`: makes the variables of a compiled model's optimizer
#: before the first step, where the backend would make them late or order them in memory
#: otherwise.
prepare_optimizer = _room.prepare_optimizer

#: `fuse_updates(optimizer)`: lets an optimizer of Keras compute its update in fewer
#: operations, where that is known for its kind.
fuse_updates = _room.fuse_updates
