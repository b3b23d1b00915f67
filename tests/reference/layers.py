"""Layers: input vectors of a matrix, and the whole way from inputs to outputs."""

import itertools
from dataclasses import dataclass

import numpy as np

from tests.reference.arrays import place
from tests.reference.converters import added_code, code_inputs
from tests.reference.read import finish, read, stored_codes
from tests.reference.weights import weight_codes

_PAD = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@dataclass(frozen=True)
class Geometry:
    """A convolution; every tuple has one number per spatial dimension."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    """Before and after."""
    mode: str = "zeros"
    groups: int = 1


@dataclass(frozen=True)
class Expected:
    """What a layer gives."""

    outputs: np.ndarray
    tolerance: np.ndarray
    """Of the shape of the outputs: rounding of float32, and conversions that are ties."""
    full_scale: float
    conversions: int
    ties: int


def padded(codes, geometry):
    """Pad an image (batch, channels, ...)."""
    return np.pad(codes, ((0, 0), (0, 0), *geometry.padding), mode=_PAD[geometry.mode])


def positions(image, geometry):
    """Return the first pixel of every patch of a padded image, in the order of the outputs, and their grid."""
    grid = [
        range(0, size - dilation * (kernel - 1), stride)
        for size, kernel, stride, dilation in zip(
            image.shape[2:], geometry.kernel, geometry.stride, geometry.dilation, strict=True
        )
    ]
    return list(itertools.product(*grid)), [len(part) for part in grid]


def vectors(codes, geometry):
    """Return the patches of codes (batch, channels, ...), (batch x positions, channels x kernel), and the grid."""
    image = padded(codes, geometry)
    corners, grid = positions(image, geometry)
    patches = []
    for picture in image:
        for corner in corners:
            window = tuple(
                slice(first, first + dilation * (kernel - 1) + 1, dilation)
                for first, kernel, dilation in zip(corner, geometry.kernel, geometry.dilation, strict=True)
            )
            patches.append(picture[(slice(None), *window)].ravel())
    return np.array(patches), grid


def expected(weight, bias, x, geometry, config, chip):
    """Return what a layer on crossbars gives.

    Parameters
    ----------
    weight
        (outputs, inputs of a group, ...).
    bias
        (outputs,) or None.
    x
        (batch, inputs), or (batch, channels, ...) with a geometry.
    geometry
        None for a linear layer.
    config
        The fields of a CrossbarConfig.
    chip
        What is random or fitted.
    """
    groups = 1 if geometry is None else geometry.groups
    outputs = len(weight)
    matrix = weight.reshape(outputs, -1).T
    codes, step = weight_codes(matrix, config.mapping)
    arrays, offset = place(codes, config.mapping, groups)
    dimensions = 1 if geometry is None else len(geometry.kernel) + 1
    coded = code_inputs(x, config.inputs, vector_dimensions=dimensions, static_range=chip.input_range)
    driven, grid = (coded.codes, None) if geometry is None else vectors(coded.codes, geometry)
    references = len({line.output for array in arrays for line in array.lines if line.reference})
    total = read(arrays, chip, driven, config, sums=outputs + references)
    value, magnitude, slack = finish(
        total, arrays, driven, offset, config, outputs=outputs, groups=groups, gain=chip.array_gain
    )
    if config.inputs.bits and added_code(config.inputs):
        known = added_code(config.inputs) * stored_codes(arrays, offset, len(matrix), outputs).sum(0)
        value, magnitude = value - known, magnitude + np.abs(known)

    def shaped(values):
        """Give (vectors, outputs) in weight units the shape and the unit of the layer's output."""
        values = values * step
        if grid is not None:
            values = np.moveaxis(values.reshape(len(x), *grid, outputs), -1, 1)
        return values * coded.scale

    per_output = (-1,) if geometry is None else (-1, *(1,) * len(geometry.kernel))
    result = shaped(value) * chip.output_gain.reshape(per_output) + chip.output_offset.reshape(per_output)
    if bias is not None:
        result = result + bias.reshape(per_output)
    top = np.abs(x).max(initial=0)
    if config.inputs.range == "static" and chip.input_range is not None:
        top = max(abs(bound) for bound in chip.input_range)
    full_scale = float(np.abs(matrix).sum(0).max() * top)
    rounding = np.minimum(1e-6 * shaped(magnitude), 1e-4 * full_scale)
    return Expected(
        outputs=result,
        tolerance=np.abs(chip.output_gain.reshape(per_output)) * (rounding + shaped(slack))
        + 5e-7 * np.abs(result)
        + 1e-9 * full_scale,
        full_scale=full_scale,
        conversions=total.conversions,
        ties=total.ties,
    )
