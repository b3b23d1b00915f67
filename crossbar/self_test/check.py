"""The test itself: patterns in, alarms out."""

import torch
import xarray as xr
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.conversion import named_analog_layers
from crossbar.self_test.arrays import line_weights, lower_end, make_test_array, read_lines, row_patterns
from crossbar.self_test.checksums import CheckLines, Checksums
from crossbar.self_test.judge import pattern_noise, threshold
from crossbar.self_test.settings import SelfTest
from devices.arguments import checked
from devices.validation import FieldValueError

_TEXTS = {
    "layer": "analog layer",
    "tile": "array of the layer",
    "deviation": "largest difference of a pattern, over its standard deviation by noise",
    "pattern": "pattern with that difference: group of word lines, counted from the sense end",
    "alarm": "whether it is beyond the threshold",
}


@checked
@torch.no_grad()
def check_arrays(model: nn.Module, checksums: Checksums) -> xr.Dataset:
    """Let every array of a programmed model test itself, as its cells are now.

    Each pattern is read as often as `program_checksums` found necessary, through the converters of the arrays. What the bit
    lines give less what the checksum lines give is judged by the noise model of the device: changed, stuck, open and
    drifted cells show where they are off by one level or more; drift that all cells of a layer share does not, with a
    fingerprint.

    Parameters
    ----------
    model
        A programmed analog model.
    checksums
        Its checksum lines.

    Returns
    -------
    xr.Dataset
        `layer`, `tile`, `deviation`, `pattern` and `alarm` over `array`. Attributes: `reads` of word-line patterns in all,
        and the `false_alarms` per array that are expected.

    Raises
    ------
    ValueError
        If the checksums are of another model, or without a fingerprint cells have drifted.
    """
    arrays = tested_arrays(model, checksums)
    rows: list[tuple[str, int, float, int, bool]] = []
    reads = 0
    for name, array in arrays.items():
        if not array.placement.tiles:
            continue
        deviations = _deviations(name, array, checksums[name], checksums.settings)  # (tiles, patterns)
        reach = threshold(checksums.settings, deviations.shape[1])
        largest, pattern = deviations.abs().max(1)
        reads += deviations.shape[1] * checksums[name].repeats
        found = zip(largest.tolist(), pattern.tolist(), (largest > reach).tolist(), strict=True)
        rows += [(name, tile, *values) for tile, values in enumerate(found)]
    columns = zip(*rows, strict=True) if rows else ((),) * len(_TEXTS)
    return xr.Dataset(
        {
            key: ("array", list(values), {"long_name": text})
            for (key, text), values in zip(_TEXTS.items(), columns, strict=True)
        },
        attrs={"reads": reads, "false_alarms": checksums.settings.false_alarms},
    )


def tested_arrays(model: nn.Module, checksums: Checksums) -> dict[str, CrossbarArray]:
    """Return the programmed arrays of a model by layer.

    Raises
    ------
    ValueError
        If checksums are of other arrays.
    """
    arrays = {name: layer.array for name, layer in named_analog_layers(model)}
    for name, array in arrays.items():
        array.require_programmed()
        if name not in checksums.names or checksums[name].levels.shape[:2] != array.placement.levels.shape[:2]:
            raise FieldValueError(
                f"`checksums` must be those of the model's arrays. Layer `{name}` has others. Call "
                "`program_checksums(model)` after programming.",
                "checksums",
            )
    return arrays


def common_drift(now: Tensor, then: Tensor) -> Tensor:
    """Return the factor that most currents have in common, ()."""
    return (now / then).flatten().median()


def _deviations(name: str, array: CrossbarArray, lines: CheckLines, settings: SelfTest) -> Tensor:
    """Return the difference of each pattern over its standard deviation, (tiles, patterns)."""
    test = make_test_array(array, lines)
    patterns = row_patterns(array.placement.levels.shape[1], settings.word_lines, test.levels.device)
    weights = line_weights(array.placement, lines)
    given = read_lines(test, patterns, repeats=lines.repeats)
    noise = pattern_noise(test, patterns, weights)
    if lines.fingerprint is not None:
        now = torch.einsum("tpc,tc->tp", given + lower_end(test, patterns), weights.double())
        factor = common_drift(now, lines.fingerprint) if float(array.time) else now.new_ones(())
        return (now - factor * lines.fingerprint) / noise.deviation(lines.repeats, fingerprint=True)
    if float(array.time) and array.config.device.drift is not None:
        raise FieldValueError(
            f"`checksums` without a fingerprint cannot test cells that have drifted, as those of layer `{name}`. Use "
            "SelfTest(reference='fingerprint').",
            "checksums",
        )
    difference = torch.einsum("tpc,tc->tp", given, weights.double())
    rest = difference - lines.modulus * (difference / lines.modulus).round()
    return rest / noise.deviation(lines.repeats, fingerprint=False)
