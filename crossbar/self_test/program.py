"""Programming checksum lines beside the arrays of a model."""

import torch
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.converters import draw_converter_errors
from crossbar.self_test.arrays import line_weights, lower_end, make_test_array, read_lines, row_patterns
from crossbar.self_test.checksums import CheckLines, Checksums
from crossbar.self_test.judge import needed_repeats, pattern_noise
from crossbar.self_test.settings import SelfTest
from devices import level_conductances, program_cells
from devices.arguments import checked
from devices.randomness import generator_of
from devices.validation import FieldValueError


@checked
@torch.no_grad()
def program_checksums(
    model: nn.Module,
    settings: SelfTest | None = None,
    *,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> Checksums:
    """Program checksum lines beside the arrays of a model, as the levels that its weights were mapped to ask for.

    Their cells are of the model's device, errors and faults included. They are selected while an array tests itself, and
    carry no current in other reads. With `reference="fingerprint"` every pattern is read once now.

    Parameters
    ----------
    model
        A programmed analog model.
    settings
        How arrays test themselves. Default: `SelfTest()`.
    generator
        Source of the errors of the checksum cells.
    seed
        In place of `generator`: that of `torch.Generator().manual_seed(seed)`.

    Returns
    -------
    Checksums
        To be given to `check_arrays`; programmed anew whenever the model is.

    Raises
    ------
    ValueError
        If a test cannot tell one level from what stays on the cells of a layer: from errors of programming, wires, drift,
        converters or compensated targets, which only a fingerprint knows.
    RuntimeError
        If a layer is not programmed.
    """
    generator = generator_of(generator, seed)
    settings = settings or SelfTest()
    analog_layers(model)
    found = {}
    for name, layer in named_analog_layers(model):
        layer.array.require_programmed()
        found[name] = _program(name, layer.array, settings, generator)
    return Checksums(settings, found)


def checksum_levels(array: CrossbarArray, lines: CheckLines) -> Tensor:
    """Return the digits of the sum of the levels of each row, modulo the modulus, uint8 or int32, (tiles, rows, lines)."""
    placement = array.placement
    holds = (placement.column_index < placement.outputs)[:, None, :] & placement.used
    total = (placement.levels.to(torch.int64) * holds).sum(2) % lines.modulus
    shifts = torch.arange(lines.lines, device=total.device) * lines.digit_bits
    return (total[:, :, None] >> shifts & ((1 << lines.digit_bits) - 1)).to(placement.levels.dtype)


def _program(name: str, array: CrossbarArray, settings: SelfTest, generator: torch.Generator | None) -> CheckLines:
    device, placement = array.config.device, array.placement
    digit_bits = array.config.mapping.cell_bits
    bits = max(2, digit_bits) if settings.bits is None else settings.bits
    lines = CheckLines(digit_bits=digit_bits, bits=bits, repeats=1)
    if settings.reference == "sums":
        _require_sums(name, array)
    levels = checksum_levels(array, lines)
    conductance = level_conductances(device, levels.to(array.cells.programmed.dtype), number=1 << digit_bits)
    target = conductance.masked_fill((placement.row_index < 0)[:, :, None], 0)
    lines.hold(levels, program_cells(device, target, generator=generator))
    if array.converter_errors is not None and array.config.adc is not None:
        shape = (placement.tiles, lines.lines)
        lines.converter_errors = draw_converter_errors(
            array.config.adc, shape, generator=generator, device=target.device
        )
    if not placement.tiles:
        return lines
    if array.cells.stuck is not None and lines.stuck is None:
        lines.stuck = torch.zeros_like(target, dtype=torch.bool)
    test = make_test_array(array, lines)
    patterns = row_patterns(placement.levels.shape[1], settings.word_lines, target.device)
    weights = line_weights(placement, lines)
    noise = pattern_noise(test, patterns, weights)
    lines.repeats = needed_repeats(name, noise, lines, settings, patterns=len(patterns))
    if settings.reference == "fingerprint":
        given = read_lines(test, patterns, repeats=lines.repeats) + lower_end(test, patterns)
        lines.fingerprint = torch.einsum("tpc,tc->tp", given, weights.double())
    return lines


def _require_sums(name: str, array: CrossbarArray) -> None:
    """Raise where a difference of intact arrays is no multiple of the modulus."""
    config = array.config
    obstacles = {
        "wires with a resistance": not config.wires.ideal,
        "cells that have drifted": bool(config.device.drift is not None and float(array.time) > 0),
        "converters that differ": config.adc is not None and config.adc.has_errors,
        "targets compensated for the wires": array.signal is not None,
    }
    obstacle = next((text for text, there in obstacles.items() if there), None)
    if obstacle is not None:
        raise FieldValueError(
            f"`settings.reference='sums'` needs arrays whose bit lines give whole levels. Layer `{name}` has {obstacle}. "
            "Use SelfTest(reference='fingerprint').",
            "settings",
        )
