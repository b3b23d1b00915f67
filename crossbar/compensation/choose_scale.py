"""The scale with the smallest expected error."""

from collections.abc import Sequence

import torch

from crossbar.compensation.arrays import Arrays
from crossbar.compensation.cell_range import CellRange
from crossbar.compensation.expected_error import CAUSES, ErrorShares, expected_error
from crossbar.compensation.solve import Targets, correct, predict
from crossbar.wire_compensation import WireCompensation

_COARSE, _FINE = 0.8, 0.93
"""Factors between the scales that are tried."""
_HEADROOM = 1.4
"""How far above the first choice the second search starts."""
_ATTEMPTS = 6
_SETTLED = 0.15
"""Error of the first-order law, relative to the signal, at which a chosen scale stands."""
_SMALLEST = 1e-3
_CLOSENESS = 3e-3
"""Relative change of targets at which the cheap law counts as solved."""
_HOPELESS = 0.5
"""Error, relative to the weights, of targets out of reach at any scale, at which a window is too small."""

Pairs = Sequence[tuple[Arrays, Targets]]


def choose_scale(sample: Pairs, reach: CellRange, settings: WireCompensation) -> float:
    """Return the scale with the smallest expected error over some arrays of a layer.

    Large scales leave cells short of their targets; small ones leave little signal beside errors that do not shrink with
    it. What the config knows nothing of is taken as one `tolerance` of the full signal. The arrays are solved with the
    first-order law, corrected with exact transfer matrices until the scale settles.

    Raises
    ------
    ValueError
        If the targets stay out of reach at any scale.
    """
    scale = _search(sample, 1.0, _COARSE, reach, settings)
    for attempt in range(_ATTEMPTS):
        before = scale
        error = max(_corrected(*pair, scale, reach, settings) for pair in sample)
        # Upwards only once: where loads feed on themselves the law is too hopeful just beyond the right scale.
        scale = _search(sample, min(1.0, scale * (1.0 if attempt else _HEADROOM)), _FINE, reach, settings)
        if error < _SETTLED and scale > _FINE**2 * before:
            break
    out_of_reach = float(sample_error(sample, scale, reach, settings).relative[CAUSES.index("reach")])
    # Stuck cells, not the window, can leave as much.
    if not out_of_reach < _HOPELESS and all(arrays.faults is None for arrays, _ in sample):
        window = sample[0][0].config.device.window
        raise ValueError(
            f"The conductance window is too small for these wires: {window.g_min:g} to {window.g_max:g} S leaves a rms "
            f"error of {out_of_reach:.0%} of the weights at the best scale, {scale:.3g}. Use smaller arrays, a device "
            "with a larger on/off ratio, or encoding='differential'."
        )
    return scale


def sample_error(sample: Pairs, scale: float, reach: CellRange, settings: WireCompensation) -> ErrorShares:
    """Return the errors to expect of some arrays, solved with the corrected first-order law at a scale, in place."""
    total = ErrorShares(causes=torch.zeros(len(CAUSES), dtype=torch.float64), power=0.0)
    for arrays, targets in sample:
        predict(arrays, targets, scale, reach, settings, closeness=_CLOSENESS)
        total = total + expected_error(arrays, targets, scale, reach, settings.time)
    return total


def _corrected(arrays: Arrays, targets: Targets, scale: float, reach: CellRange, settings: WireCompensation) -> float:
    """Correct the law at a scale; return how far off it was, relative to the signal."""
    predict(arrays, targets, scale, reach, settings)
    return float(correct(arrays, targets).max() / (scale * arrays.signal))


def _search(sample: Pairs, start: float, factor: float, reach: CellRange, settings: WireCompensation) -> float:
    """Try ever smaller scales from `start` on, until cells reach their targets, and return the best."""
    best, least, scale = start, float("inf"), start
    while scale > _SMALLEST:
        relative = sample_error(sample, scale, reach, settings).relative
        total = float(relative.square().sum()) + (settings.tolerance / scale) ** 2
        if total < least:
            best, least = scale, total
        elif total > 1.1 * least or float(relative[0]) < settings.tolerance:
            break
        scale *= factor
    return best
