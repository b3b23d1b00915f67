"""Everything that turns a digital layer into an analog one."""

from dataclasses import dataclass, field
from typing import Literal

import torch

import devices
from crossbar.converters import ADC, InputConfig
from crossbar.training_effects import TrainingEffects
from crossbar.wire_compensation import WireCompensation
from devices import Device, Wires, check_read_voltage
from devices.current_voltage import AbstractCurrentVoltage, Ohmic
from devices.display import html_table, short_repr
from devices.validation import FieldTypeError, FieldValueError, check_choice, check_instance, check_integer
from mapping import ENCODINGS, MappingConfig

_MOST_BITS = 8
"""Bits of pulses each of which has a matrix of its own."""


@dataclass(frozen=True, kw_only=True)
class CrossbarConfig:
    """One crossbar technology: cells, wires, mapping and converters.

    Parameters
    ----------
    device
        The cell: conductance window, programming error, read noise, drift.
    wires
        Resistances of the lines [ohm].
    mapping
        How weights become cells.
    inputs
        How inputs become pulses.
    adc
        How currents become codes; None reads them exactly.
    plan
        Read every layer as one effective weight (collapsed), or tile by tile and cycle by cycle (tiled); auto takes the
        first wherever it gives the same numbers, and multiplies in integers where the second may. circuit: tile by tile,
        with the circuit solved for every pulse: slow, and exact where cells that are not ohmic are behind wires. sampled:
        likewise, for fresh read noise: the cells drawn and their wires solved for every pulse.
    compensation
        Targets for which the arrays do behind their wires what the weights say; None programs the weights as they are.
    training
        What of the chip a layer in `train()` mode contains.
    parallel_rows
        Word lines driven at a time (an operation unit), each group read and converted by itself; None: all of a tile.
    undriven
        The other word lines meanwhile: held at 0 V, or their cells switched off by their access transistors.
    chunk
        Numbers that the tiled plan holds of one product at a time: bit lines that share word lines x cycles x input
        vectors. It bounds the memory of a read; a product that stays in the cache is converted fastest.
    """

    device: Device = field(default_factory=lambda: devices.Ideal)
    wires: Wires = field(default_factory=Wires)
    mapping: MappingConfig = field(default_factory=MappingConfig)
    inputs: InputConfig = field(default_factory=InputConfig)
    adc: ADC | None = None
    plan: Literal["auto", "collapsed", "tiled", "circuit", "sampled"] = "auto"
    compensation: WireCompensation | None = None
    training: TrainingEffects = field(default_factory=TrainingEffects)
    parallel_rows: int | None = None
    undriven: Literal["grounded", "open"] = "grounded"
    chunk: int = 2**20

    __repr__ = short_repr
    _repr_html_ = html_table

    def __post_init__(self) -> None:
        """Refuse combinations that cannot be."""
        for name, kind in _MEMBERS.items():
            if not isinstance(getattr(self, name), kind):
                raise FieldTypeError(f"`{name}` must be {kind.__name__}. Got {getattr(self, name)!r}.", name)
        if self.adc is not None and not isinstance(self.adc, ADC):
            raise FieldTypeError(f"`adc` must be ADC or None. Got {self.adc!r}.", "adc")
        check_instance("compensation", self.compensation, WireCompensation, optional=True)
        check_choice("plan", self.plan, ("auto", "collapsed", "tiled", "circuit", "sampled"))
        check_integer("chunk", self.chunk, at_least=1)
        check_choice("undriven", self.undriven, ("grounded", "open"))
        if self.parallel_rows is not None:
            check_integer("parallel_rows", self.parallel_rows, at_least=1, hint="None drives all rows at a time.")
            if self.parallel_rows % self.mapping.pair_layout.word_lines:
                raise FieldValueError(
                    "`parallel_rows` must be even where pairs lie on adjacent word lines, mapping.pairs='word_lines'. "
                    f"Got {self.parallel_rows}. Drive both word lines of a pair at a time.",
                    "parallel_rows",
                )
        levels = self.device.levels
        if levels is not None and 2**self.mapping.cell_bits > levels:
            raise FieldValueError(
                f"`mapping.cell_bits` must fit the {levels} levels of the device. Got {self.mapping.cell_bits}, "
                f"which needs {2**self.mapping.cell_bits} levels. Use fewer bits per cell, or a device without the limit: "
                "`dataclasses.replace(device, levels=None)`.",
                "mapping",
            )
        self._check_plan()
        self._check_training()
        self._check_current_voltage()
        if self.compensation is not None and self.mapping.group_packing == "g_min":
            raise FieldValueError(
                "`compensation` makes up for the wires within a group, not for what idle cells carry to other groups. Got "
                "mapping.group_packing='g_min'. Use group_packing='absent' or 'none', or compensation=None.",
                "compensation",
            )
        check_read_voltage(self.device, self.inputs.read_voltage)
        if self.subtracts_pairs and not self.mapping.sign_encoding.has_pairs:
            able = " or ".join(repr(name) for name, encoding in ENCODINGS.items() if encoding.has_pairs)
            raise FieldValueError(
                f"`adc.subtraction='analog'` needs pairs of bit lines: `mapping.encoding={able}`. "
                f"Got {self.mapping.encoding!r}. Use subtraction='digital'.",
                "adc",
            )
        if self.adc is not None and self.inputs.bits is None:
            raise FieldValueError(
                "`adc` needs input codes. Got inputs.bits=None. Give the inputs a number of bits.", "adc"
            )

    def _check_plan(self) -> None:
        if self.plan == "circuit" and self.parallel_rows is not None:
            raise FieldValueError(
                f"`plan='circuit'` drives whole arrays. Got parallel_rows={self.parallel_rows}. Use parallel_rows=None, or "
                "plan='tiled' or 'auto'.",
                "plan",
            )
        if self.plan == "sampled" and not self.fresh_read_noise:
            raise FieldValueError(
                "`plan='sampled'` draws the cells afresh for every pulse, so it needs a device whose `read_noise` has "
                f"draw='read'. Got device.read_noise={self.device.read_noise!r}. Use plan='tiled' or 'auto'.",
                "plan",
            )
        if self.plan == "circuit" and self.inputs.bits is None:
            raise FieldValueError(
                "`plan='circuit'` needs input codes, the largest of which has the read voltage. Got inputs.bits=None. Use "
                "up to 16 bits, or another plan.",
                "plan",
            )
        if self.plan != "collapsed":
            return
        if self.adc is not None:
            raise FieldValueError(
                "`plan='collapsed'` cannot convert every read. Use adc=None, or plan='tiled' or 'auto'.", "plan"
            )
        if self.shifted_rows_see_fresh_noise:
            raise FieldValueError(
                "`plan='collapsed'` cannot give shifted rows the fresh read noise of pulses of several bits. Got "
                f"mapping.squeezed_planes={self.mapping.squeezed_planes}, inputs.pulse_bits={self.inputs.pulse_bits}. "
                "Use plan='tiled' or 'auto', or inputs.dac_bits=1.",
                "plan",
            )
        if self.references_see_fresh_noise:
            raise FieldValueError(
                "`plan='collapsed'` draws fresh read noise output by output, but that of a reference column is common to "
                "the outputs that subtract it. Use plan='tiled' or 'auto', or mapping.reference_column=False.",
                "plan",
            )

        if self.idle_cells_see_fresh_noise:
            raise FieldValueError(
                "`plan='collapsed'` draws fresh read noise group by group, but that of idle cells joins the groups of an "
                "array (mapping.group_packing='g_min'). Use plan='tiled' or 'auto', or group_packing='absent'.",
                "plan",
            )

    def _check_training(self) -> None:
        training, mapping = self.training, self.mapping
        if training.wires and self.compensation is not None:
            raise FieldValueError(
                "`training.wires` puts the weights themselves behind the wires, but `compensation` chooses other targets "
                "for them. Use one of the two.",
                "training",
            )
        even = mapping.sign_encoding.has_pairs or mapping.sign_encoding.takes_reference_columns
        if not training.quantizer and (mapping.squeezed_planes or not even):
            raise FieldValueError(
                "`training.quantizer=False` needs cells whose conductance moves evenly with the weight: an encoding "
                "'differential' or 'offset', and squeezed_planes=0. Got "
                f"{mapping.encoding!r}, squeezed_planes={mapping.squeezed_planes}.",
                "training",
            )

    @property
    def idle_cells_see_fresh_noise(self) -> bool:
        """Whether read noise is drawn at every read for idle cells between groups of a convolution."""
        return self.fresh_read_noise and self.mapping.group_packing == "g_min"

    def _check_current_voltage(self) -> None:
        if self.device.current_voltage is None:
            return
        if self.inputs.bits is None:
            raise FieldValueError(
                "`device.current_voltage` needs input codes, the largest of which has the read voltage. Got "
                "inputs.bits=None. Use up to 16 bits.",
                "device",
            )
        if self.bends_pulses:
            self._check_bent_pulses(self.device.current_voltage)
        for name, ohmic in (("compensation", self.compensation is not None), ("training", self.training.wires)):
            if ohmic:
                raise FieldValueError(
                    f"`{name}` solves wires for ohmic cells. Got {getattr(self, name)!r} with "
                    f"{self.device.current_voltage!r}. Leave out one of the two.",
                    name,
                )

    def _check_bent_pulses(self, law: AbstractCurrentVoltage) -> None:
        inputs, mapping = self.inputs, self.mapping
        for name, present in (
            (f"mapping.squeezed_planes={mapping.squeezed_planes}", mapping.squeezed_planes > 0),
            ("mapping.group_packing='g_min'", mapping.group_packing == "g_min"),
        ):
            if present:
                raise FieldValueError(
                    f"`device.current_voltage` needs pulses of one bit beside {name}. Got inputs.bits={inputs.bits}, "
                    f"inputs.dac_bits={inputs.dac_bits}. Use inputs.dac_bits=1.",
                    "device",
                )
        unknown = self.wires.ideal and law.shapes(torch.zeros(1)) is None
        if unknown and (inputs.pulse_bits or 0) > _MOST_BITS:
            raise FieldValueError(
                f"`device.current_voltage` without `shapes` takes a matrix for every pulse, of {_MOST_BITS} bits at most. "
                f"Got {law!r} and pulses of {inputs.pulse_bits} bits. Use a smaller inputs.dac_bits, or a law such as "
                "Tabulated.",
                "device",
            )

    @property
    def bends_pulses(self) -> bool:
        """Whether cells that are not ohmic see pulses of several voltages."""
        law = self.device.current_voltage
        return not (law is None or isinstance(law, Ohmic)) and (self.inputs.pulse_bits or 1) > 1

    @property
    def shifted_rows_see_fresh_noise(self) -> bool:
        """Whether read noise is drawn at every read of input pulses whose bits a row shift deals out anew."""
        pulse_bits = self.inputs.pulse_bits
        return self.fresh_read_noise and self.mapping.squeezed_planes > 0 and pulse_bits is not None and pulse_bits > 1

    @property
    def references_see_fresh_noise(self) -> bool:
        """Whether the read noise of reference columns, common to bit lines, is drawn at every read."""
        return self.fresh_read_noise and self.mapping.reference_column

    @property
    def fresh_read_noise(self) -> bool:
        """Whether every read draws noise of its own."""
        noise = self.device.read_noise
        return noise is not None and noise.draw == "read"

    @property
    def subtracts_pairs(self) -> bool:
        """Whether the currents of a pair of bit lines are subtracted before one converter."""
        return self.adc is not None and self.adc.subtraction == "analog"


_MEMBERS = {
    "device": Device,
    "wires": Wires,
    "mapping": MappingConfig,
    "inputs": InputConfig,
    "training": TrainingEffects,
}
