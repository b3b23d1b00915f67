"""From what happens on the chip to what each part of an architecture does."""

from collections.abc import Mapping

from crossbar.cost.architecture import Architecture

PRICED = (
    "array",
    "word_line",
    "dac",
    "sample_hold",
    "integrator",
    "adc",
    "shift_add",
    "input_register",
    "output_register",
    "core_control",
    "buffer",
    "bus",
    "router",
    "accumulator",
    "activation",
    "pooling",
    "tile_control",
    "digital_mac",
    "link",
)
"""Parts that reads cost something at, in the order of tables."""


def component_events(
    events: Mapping[str, float], architecture: Architecture, *, pulse_bits: int, magnitude_bits: int
) -> dict[str, float]:
    """Return how often every part acts.

    Parameters
    ----------
    events
        Counts by the names of `crossbar.cost.EVENTS`, of what is driven.
    architecture
        The chip.
    pulse_bits
        Bits of one pulse.
    magnitude_bits
        Those without a sign.
    """
    pulses = architecture.pulses(magnitude_bits)
    stored = events["input_bits"] + events["output_bits"]
    core_cycles = events["array_reads"] / architecture.arrays_per_core
    return {
        "array": events["cell_reads"] * pulses,
        "word_line": events["row_cycles"] * pulses,
        "dac": events["row_cycles"],
        "sample_hold": events["conversions"] * pulses,
        "integrator": events["conversions"] * architecture.integrations(magnitude_bits),
        "adc": events["conversions"],
        "shift_add": events["conversions"],
        "input_register": events["row_cycles"] * pulse_bits,
        "output_register": events["conversions"],
        "core_control": core_cycles,
        "buffer": stored,
        "bus": stored,
        "router": events["output_bits"],
        "accumulator": events["partial_sums"],
        "activation": events["activations"],
        "pooling": events["pooled"],
        "tile_control": core_cycles / architecture.cores_per_tile,
        "digital_mac": events["digital_macs"],
        "link": 0.0,
    }


def energy_of_event(architecture: Architecture, part: str, *, adc_bits: int | None) -> float:
    """Return the energy of one event of a part [J], NaN where it is not modelled."""
    if part == "adc":
        return float("nan") if adc_bits is None else architecture.adc.energy(adc_bits)
    energy: float | None = getattr(architecture, part).energy
    return float("nan") if energy is None else energy
