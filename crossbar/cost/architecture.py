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
    """Everything that prices and times the reads of a network; no count of events is in it.

    Parameters
    ----------
    name
        Name for tables and pictures.
    source
        Paper.
    node
        Technology node of all parts [m].
    rows
        Word lines of an array as published.
    cols
        Bit lines of an array as published.
    cells_per_weight
        Cells that hold one weight as published.
    input_bits
        Bits of an input as published.
    pulse_bits
        Bits of one pulse as published.
    arrays_per_core
        Arrays that share a core (IMA, MVMU).
    cores_per_tile
        Cores that share a buffer and a bus.
    tiles
        Tiles of the published chip.
    columns_per_adc
        Bit lines that share a converter, one after the other.
    tile_bits_per_cycle
        Bits that buffer, bus and router of a busy tile each carry in a cycle: it turns their power into energy per bit.
    input_encoding
        What carries the bits of a pulse: its voltage, a train of pulses of which each next is integrated twice as often
        (NeuRRAM), or its width.
    read_time
        Time for which one pulse, or one unit of a pulse's width or train, stands on the word lines [s].
    overlapped
        Whether converters work on one read while the array does the next.
    extra_cycles
        Cycles that a read takes beyond one per pulse, in which no next read can start.
    pipeline_stages
        Cycles from a layer's input to its output buffer, for the latency of a pipeline.
    skip_idle
        What is not driven for zero pulses: nothing, idle word lines, or these and arrays without a pulse.
    array_energy
        Energy of the cells and wires: from the programmed conductances, pulses and wires, or as published per cell.
    array_supply
        Supply from which a linear regulator makes the read voltage [V]: the array then costs supply over read voltage
        times what it dissipates. None counts what it dissipates.
    array
        One cell in one read (one magnitude bit, for a train).
    word_line
        Charging one word line once.
    dac
        One row in one cycle.
    sample_hold
        One sample of one bit line; its `latency` is added to each read that does not overlap.
    integrator
        One integration of one bit line.
    adc
        One conversion.
    shift_add
        One conversion, added up over cycles and slices.
    input_register
        One bit that a row is given in one cycle.
    output_register
        One conversion stored.
    core_control
        One cycle of one core's remaining parts.
    buffer
        One bit read from or written to the buffer of a tile.
    bus
        One bit between buffer and cores.
    router
        One bit to another tile.
    accumulator
        One output of one block of rows, added to those of the other blocks and stored.
    activation
        One output through the activation function.
    pooling
        One input of a pooling.
    tile_control
        One cycle of one tile's remaining parts.
    digital_mac
        One multiply-add of a digital layer.
    link
        One cycle of what the chip has outside its tiles.
    write_pulse
        One programming pulse on one cell.
    write_verify
        One read of one cell between pulses.
    write_pulses_per_cell
        Pulses a cell takes on average as published [1]; None where it is not.
    cells_written_at_a_time
        Cells of an array that are programmed together.
    """

    name: str
    source: str
    node: float

    rows: int
    cols: int
    cells_per_weight: int
    input_bits: int
    pulse_bits: int
    arrays_per_core: int
    cores_per_tile: int
    tiles: int
    columns_per_adc: int
    tile_bits_per_cycle: float = 0.0

    input_encoding: InputEncoding = "amplitude"
    read_time: float
    overlapped: bool
    extra_cycles: int = 0
    pipeline_stages: int = 1
    skip_idle: SkipIdle = "none"

    array_energy: Literal["exact", "published"] = "exact"
    array_supply: float | None = None

    array: Component
    word_line: Component
    dac: Component
    sample_hold: Component
    integrator: Component
    adc: AbstractADCLaw
    shift_add: Component
    input_register: Component
    output_register: Component
    core_control: Component
    buffer: Component
    bus: Component
    router: Component
    accumulator: Component
    activation: Component
    pooling: Component
    tile_control: Component
    digital_mac: Component
    link: Component

    write_pulse: Component
    write_verify: Component
    write_pulses_per_cell: float | None = None
    cells_written_at_a_time: int = 1

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
