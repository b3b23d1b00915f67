"""A chip as data: its parts with their prices, how many share what, and how it is clocked."""

import math
from dataclasses import dataclass, fields
from typing import Literal

from crossbar.cost.adc_laws import AbstractADCLaw
from crossbar.cost.component import Component
from devices.arguments import check_fields
from devices.validation import (
    FieldTypeError,
    FieldValueError,
    check_boolean,
    check_choice,
    check_integer,
    check_nonnegative,
    check_positive,
)

InputEncoding = Literal["amplitude", "binary_train", "width"]
SkipIdle = Literal["none", "rows", "arrays"]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Everything that prices and times the reads of a network; no count of events is in it."""

    name: str
    """Name for tables and pictures."""
    source: str
    """Paper."""
    node: float
    """Technology node of all parts [m]."""

    rows: int
    """Word lines of an array as published."""
    cols: int
    """Bit lines of an array as published."""
    cells_per_weight: int
    """Cells that hold one weight as published."""
    input_bits: int
    """Bits of an input as published."""
    pulse_bits: int
    """Bits of one pulse as published."""
    arrays_per_core: int
    """Arrays that share a core (IMA, MVMU)."""
    cores_per_tile: int
    """Cores that share a buffer and a bus."""
    tiles: int
    """Tiles of the published chip."""
    columns_per_adc: int
    """Bit lines that share a converter, one after the other."""
    tile_bits_per_cycle: float = 0.0
    """Bits that buffer, bus and router of a busy tile each carry in a cycle: it turns their power into energy per bit."""

    input_encoding: InputEncoding = "amplitude"
    """What carries the bits of a pulse: its voltage, a train of pulses of which each next is integrated twice as often
    (NeuRRAM), or its width."""
    read_time: float
    """Time for which one pulse, or one unit of a pulse's width or train, stands on the word lines [s]."""
    overlapped: bool
    """Whether converters work on one read while the array does the next."""
    extra_cycles: int = 0
    """Cycles that a read takes beyond one per pulse, in which no next read can start."""
    pipeline_stages: int = 1
    """Cycles from a layer's input to its output buffer, for the latency of a pipeline."""
    skip_idle: SkipIdle = "none"
    """What is not driven for zero pulses: nothing, idle word lines, or these and arrays without a pulse."""

    array_energy: Literal["exact", "published"] = "exact"
    """Energy of the cells and wires: from the programmed conductances, pulses and wires, or as published per cell."""
    array_supply: float | None = None
    """Supply from which a linear regulator makes the read voltage [V]: the array then costs supply over read voltage
    times what it dissipates. None counts what it dissipates."""

    array: Component
    """One cell in one read (one magnitude bit, for a train)."""
    word_line: Component
    """Charging one word line once."""
    dac: Component
    """One row in one cycle."""
    sample_hold: Component
    """One sample of one bit line; its `latency` is added to each read that does not overlap."""
    integrator: Component
    """One integration of one bit line."""
    adc: AbstractADCLaw
    """One conversion."""
    shift_add: Component
    """One conversion, added up over cycles and slices."""
    input_register: Component
    """One bit that a row is given in one cycle."""
    output_register: Component
    """One conversion stored."""
    core_control: Component
    """One cycle of one core's remaining parts."""
    buffer: Component
    """One bit read from or written to the buffer of a tile."""
    bus: Component
    """One bit between buffer and cores."""
    router: Component
    """One bit to another tile."""
    accumulator: Component
    """One output of one block of rows, added to those of the other blocks and stored."""
    activation: Component
    """One output through the activation function."""
    pooling: Component
    """One input of a pooling."""
    tile_control: Component
    """One cycle of one tile's remaining parts."""
    digital_mac: Component
    """One multiply-add of a digital layer."""
    link: Component
    """One cycle of what the chip has outside its tiles."""

    write_pulse: Component
    """One programming pulse on one cell."""
    write_verify: Component
    """One read of one cell between pulses."""
    write_pulses_per_cell: float | None = None
    """Pulses a cell takes on average as published [1]; None where it is not."""
    cells_written_at_a_time: int = 1
    """Cells of an array that are programmed together."""

    def __post_init__(self) -> None:
        """Refuse chips that cannot be, and parts of another node."""
        for name in ("rows", "cols", "cells_per_weight", "input_bits", "pulse_bits", "arrays_per_core"):
            check_integer(name, getattr(self, name), at_least=1)
        for name in ("cores_per_tile", "tiles", "columns_per_adc", "pipeline_stages", "cells_written_at_a_time"):
            check_integer(name, getattr(self, name), at_least=1)
        check_integer("extra_cycles", self.extra_cycles, at_least=0)
        check_nonnegative("tile_bits_per_cycle", self.tile_bits_per_cycle)
        for name in ("node", "read_time"):
            check_positive(name, getattr(self, name))
        for name in ("array_supply", "write_pulses_per_cell"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        check_boolean("overlapped", self.overlapped)
        check_choice("input_encoding", self.input_encoding, ("amplitude", "binary_train", "width"))
        check_choice("skip_idle", self.skip_idle, ("none", "rows", "arrays"))
        check_choice("array_energy", self.array_energy, ("exact", "published"))
        self._check_parts()
        check_fields(self)

    def _check_parts(self) -> None:
        for name in COMPONENT_FIELDS:
            part = getattr(self, name)
            if not isinstance(part, Component):
                raise FieldTypeError(f"`{name}` must be a Component. Got {part!r}.", name)
            self._check_node(name, part.node, "Pass it through `scale_to_node(component, node)`")
        if not isinstance(self.adc, AbstractADCLaw):
            raise FieldTypeError(f"`adc` must be a converter law such as SurveyADC. Got {self.adc!r}.", "adc")
        self._check_node("adc", self.adc.node, "Use a converter of that node, such as SurveyADC(node=..., rate=...)")

    def _check_node(self, name: str, node: float | None, advice: str) -> None:
        if node is not None and not math.isclose(node, self.node, rel_tol=1e-6):
            raise FieldValueError(
                f"`{name}` must be of the architecture's node, {self.node * 1e9:g} nm: prices of different nodes do not "
                f"add up. Got {node * 1e9:g} nm. {advice}.",
                name,
            )

    @property
    def components(self) -> dict[str, Component]:
        """Its parts but for the converter."""
        return {name: getattr(self, name) for name in COMPONENT_FIELDS}

    def integrations(self, magnitude_bits: int) -> int:
        """Return how many units of `read_time` a pulse of so many bits takes."""
        if self.input_encoding == "amplitude":
            return 1
        units = 1 << magnitude_bits
        return units - 1 if self.input_encoding == "binary_train" else units

    def pulses(self, magnitude_bits: int) -> int:
        """Return how many voltage pulses carry a pulse of so many bits."""
        return magnitude_bits if self.input_encoding == "binary_train" else 1

    def cycle_time(self, *, magnitude_bits: int, adc_bits: int, cols: int) -> float:
        """Return the time from one read of an array to the next [s].

        Parameters
        ----------
        magnitude_bits
            Bits of a pulse, without its sign.
        adc_bits
            Resolution of the converters.
        cols
            Bit lines of an array.
        """
        read = self.read_time * self.integrations(magnitude_bits)
        convert = min(cols, self.columns_per_adc) * self.adc.latency(adc_bits)
        return max(read, convert) if self.overlapped else read + convert + (self.sample_hold.latency or 0.0)


COMPONENT_FIELDS = tuple(f.name for f in fields(Architecture) if f.type is Component)
