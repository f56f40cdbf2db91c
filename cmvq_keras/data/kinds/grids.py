"""Which grids of features an input's shape allows."""

RESNET18_STRIDES = (4, 8, 16, 32)  # input pixels a cell of each stage's grid
LARGEST_FACTOR = 7  # by which one stage of a network may make an axis shorter
USUAL = 16  # the side of an automatic grid at most


def factors(count):
    """The prime factors of a whole number, the smallest first.

    >>> factors(12)
    [2, 2, 3]
    """
    found, divisor = [], 2
    while count > 1:
        while count % divisor == 0:
            found.append(divisor)
            count //= divisor
        divisor += 1 if divisor * divisor <= count else max(count - divisor, 1)
    return found


def can_shrink(size, cells):
    """Whether stages of a network can bring `size` values down to `cells`."""
    return size % cells == 0 and max(factors(size // cells), default=1) <= (
        LARGEST_FACTOR
    )


def strides(shape, grid):
    """How much each stage of a network shortens an input's height and width.

    Args:
        shape: `(height, width, ...)` of the input.
        grid: side of the grid, of which both are multiples.

    Returns:
        List of pairs; where one axis is done first its entries end in 1.

    >>> strides((64, 96, 1), 16)
    [(2, 2), (2, 3)]
    """
    rows, columns = (factors(size // grid) for size in shape[:2])
    stages = max(len(rows), len(columns))
    rows += [1] * (stages - len(rows))
    columns += [1] * (stages - len(columns))
    return list(zip(rows, columns, strict=True))


def of_picture(shape, backbone):
    """The sides of the grids that a picture's encoder can give, the largest first.

    A ResNet18 takes square pictures alone, "conv" has one stage at least.
    """
    height, width = shape[:2]
    if backbone == "resnet18":
        return tuple(
            height // stride
            for stride in RESNET18_STRIDES
            if height == width and height % stride == 0
        )
    largest = max(height, width) // 2 if backbone == "conv" else max(height, width)
    return tuple(
        side
        for side in range(min(height, width, largest), 0, -1)
        if can_shrink(height, side) and can_shrink(width, side)
    )


def of_sequence(steps):
    """The sides of the grids whose places a sequence's steps fill, likewise."""
    return tuple(
        side for side in range(int(steps**0.5), 0, -1) if can_shrink(steps, side * side)
    )
