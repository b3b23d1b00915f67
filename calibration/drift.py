"""Drift compensation: one digital factor per layer, or per output, from a read of known inputs."""

from typing import Literal

import torch
from torch import Tensor, nn

from calibration.support.distributed import unwrapped
from calibration.support.known_inputs import known_inputs
from crossbar.array import CrossbarArray
from crossbar.conversion import analog_layers, named_analog_layers
from devices.arguments import checked
from devices.validation import check_choice, check_integer, check_nonnegative

Granularity = Literal["layer", "column"]


@checked
@torch.no_grad()
def compensate_drift(
    model: nn.Module, *, granularity: Granularity = "layer", reference_time: float = 0.0, patterns: int | None = None
) -> None:
    """Scale the outputs of every analog layer back to what known inputs gave at an earlier time.

    Global drift compensation (Joshi et al., Nature Communications 11, 2473 (2020)): the factor is mean |output| of a
    read at `reference_time` over that of the same read now. On a machine the first read is stored right after
    programming; here the chip's clock is moved back for it. The factor replaces one from an earlier call, stays while
    the clock moves on, is saved with the model, and is dropped when the chip is programmed anew.

    Parameters
    ----------
    model
        A programmed analog model, at the time to compensate for.
    granularity
        One factor per `"layer"`, as published, or per output `"column"`.
    reference_time
        Time of the first read [s since programming].
    patterns
        Known inputs: None drives each word line alone; a number, so many random patterns of word lines.

    Raises
    ------
    RuntimeError
        If a layer is not programmed, or gives nothing for known inputs any more.
    """
    check_choice("granularity", granularity, ("layer", "column"))
    check_nonnegative("reference_time", reference_time, hint="It is in seconds since programming.")
    if patterns is not None:
        check_integer("patterns", patterns, at_least=1)
    for layer in analog_layers(unwrapped(model)):
        layer.array.require_programmed()
    for name, layer in named_analog_layers(unwrapped(model)):
        _compensate(name, layer.array, granularity, reference_time, patterns)


def _compensate(
    name: str, array: CrossbarArray, granularity: Granularity, reference_time: float, patterns: int | None
) -> None:
    """Set the factor of one layer; an error leaves it and the clock as they were."""
    codes = known_inputs(array, patterns=patterns)
    before, now = array.corrections.state(), float(array.time)
    present = _magnitudes(array, codes)
    try:
        array.set_time(reference_time)
        factor = _factor(_magnitudes(array, codes), present, granularity)
        if factor is None:
            raise RuntimeError(
                f"Layer `{name or 'model'}` gives nothing for known inputs any more, {now:g} s after programming: "
                "nothing is left to compensate. Drive several word lines at once (`patterns=64`), or program again."
            )
        array.corrections["drift"].factor = factor
    except BaseException:
        array.corrections.restore(before)
        raise
    finally:
        array.set_time(now)


def _magnitudes(array: CrossbarArray, codes: Tensor) -> Tensor:
    """Return what the arrays alone give for known inputs, without an earlier factor, (vectors, outputs)."""
    gain = array.corrections.array_gain()
    read = array.read_vectors(codes, digital=False).abs()
    return read if gain is None else read / gain


def _factor(earlier: Tensor, present: Tensor, granularity: Granularity) -> Tensor | None:
    """Return what brings the outputs of a layer back, () or (outputs,); None where it gives nothing any more."""
    if granularity == "layer":
        earlier, present = earlier.mean(), present.mean()
        if present == 0 < earlier:
            return None
        return torch.where(present > 0, earlier / present, 1)
    earlier, present = earlier.mean(0), present.mean(0)
    # A column without current now (all weights zero, or all cells open) has nothing to scale.
    return torch.where((present > 0) & (earlier > 0), earlier / present, 1)
