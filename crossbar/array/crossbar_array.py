"""The programmed arrays of one layer, as a module whose whole state is buffers."""

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any, Self

import torch
from torch import Tensor, nn

from crossbar.array.cell_curve import cell_curve
from crossbar.array.cell_noise import cell_noise
from crossbar.array.checksum import checksum, state_tensors
from crossbar.array.clock import stands_still
from crossbar.array.conversions import Conversions, find_conversions
from crossbar.array.converter_steps import calibrated_adc, errors_of_units
from crossbar.array.corrections import CORRECTIONS, Corrections
from crossbar.array.frozen import FrozenChip, frozen_chip, require_arrays, stored_frozen
from crossbar.array.kept import kept_on_error
from crossbar.array.loading import check_complete, check_undamaged, described, finish_loading, take_over, upgraded
from crossbar.array.operation_units import split_rows
from crossbar.array.periphery import digital_output
from crossbar.array.programming import (
    check_drawable,
    draw_placement_faults,
    parallel_rows,
    program_placement,
    programmed_conductance,
    read_transfer,
    target_conductance,
)
from crossbar.array.reads import READS, AbstractRead, Plan, choose_plan
from crossbar.array.solved import SolvedArrays
from crossbar.array.training import code_spread, left_out
from crossbar.array.wiring import VectorWiring, Wiring
from crossbar.compensation import compensate
from crossbar.config import CrossbarConfig
from crossbar.converters import CodeRange, code_range, draw_converter_errors
from crossbar.serialization import config_to_json, text_to_tensor
from devices import FaultMap, ProgrammedCells, redraw_drift
from devices.arguments import checked
from devices.randomness import generator_of
from mapping import Placement, map_weight

_PLACEMENT = tuple(f.name for f in fields(Placement) if f.type is Tensor)
_CELLS = tuple(f.name for f in fields(ProgrammedCells) if f.name != "target")
_COMPENSATED = ("target", "signal", "common")
"""Targets of cells that are compensated for the wires, the signal that they keep, and what the periphery subtracts."""


class CrossbarArray(nn.Module):
    """The arrays that hold one weight matrix: placement, cells and clock, a way to read them, and corrections.

    Everything is a buffer: absent (None) until `program` is called, then saved, moved, copied and broadcast with the
    model. What changes only with the cells or the clock (wires included) is computed then, never per input.

    Parameters
    ----------
    config
        Technology of the arrays.
    groups
        Independent blocks of the weight matrix.
    """

    target: Tensor | None
    signal: Tensor | None
    common: Tensor | None
    transfer: Tensor | None
    converter_errors: Tensor | None
    programmed: Tensor | None
    drift_state: Tensor | None
    time: Tensor
    scale: Tensor
    levels: Tensor
    code_spread: Tensor
    weight_mark: Tensor | None
    """Checksum of the ideal weights at programming; None where the placement was made elsewhere."""

    def __init__(self, config: CrossbarConfig, *, groups: int = 1) -> None:
        super().__init__()
        self.config = config
        self.groups = groups
        self.plan: Plan = choose_plan(config, groups=groups)
        self._shape: dict[str, Any] = {}
        self._converters_bypassed = False
        for name in (*_PLACEMENT, *_CELLS, *_COMPENSATED, "transfer", "converter_errors", "time", "weight_mark"):
            self.register_buffer(name, None)
        self.reader: AbstractRead = READS[self.plan.kind](config)
        self.corrections = Corrections(CORRECTIONS)
        if config.inputs.maximum is not None:
            self.corrections["static_range"].bounds = torch.tensor([-config.inputs.maximum, config.inputs.maximum])
        # Saved although it follows from the config, so that a model made on the meta device finds it when it loads.
        self.register_buffer("code_spread", code_spread(config))
        self.noise_factor: nn.Parameter | None = None
        self.take_training(config)
        self.register_load_state_dict_post_hook(finish_loading)

    def take_training(self, config: CrossbarConfig) -> None:
        """Take over a config that differs in what training contains; what its noise learned stays with the same noise."""
        noise, same = config.training.noise, config.training.noise == self.config.training.noise
        self.config = self.reader.config = config
        if not same or self.noise_factor is None:
            begin = None if noise is None else noise.initial_factor
            like = self.code_spread
            self.noise_factor = None if begin is None else nn.Parameter(torch.tensor(begin, device=like.device))

    @property
    def programmed_yet(self) -> bool:
        """Whether the arrays hold a chip."""
        return self.programmed is not None

    def require_programmed(self) -> None:
        """Raise unless the arrays hold a chip."""
        if self.programmed is None:
            raise RuntimeError(
                "This layer's crossbars are not programmed. Call `crossbar.program_analog_weights(model)` before "
                "reading in eval mode."
            )

    @property
    def waits_for_calibration(self) -> bool:
        """Whether reads need ADC ranges that are not calibrated yet."""
        return calibrated_adc(self.config) and self.corrections.converter_steps() is None

    @property
    def placement(self) -> Placement:
        """Where the weights live."""
        self.require_programmed()
        require_arrays(self.frozen)
        return Placement(**{name: getattr(self, name) for name in _PLACEMENT}, **self._shape)

    @property
    def read_placement(self) -> Placement:
        """The placement as reads see it: where few word lines are driven at a time, each group is a tile of its own."""
        placement = self.placement
        rows = parallel_rows(placement, self.config)
        return placement if rows is None else split_rows(placement, rows)

    @property
    def cells(self) -> ProgrammedCells:
        """Every cell with its own draws, (tiles, rows, cols)."""
        target = target_conductance(self.placement, self.config.device) if self.target is None else self.target
        return ProgrammedCells(target=target, **{name: getattr(self, name) for name in _CELLS})

    @property
    def effective_weight(self) -> Tensor:
        """The weight that slices, signs, tiles and wires act as together, (outputs, inputs per group)."""
        self.require_programmed()
        return self.reader.weight

    @property
    def frozen(self) -> FrozenChip | None:
        """What is known of a chip whose cells were dropped by `freeze`; None for others."""
        numbers = self._shape.get("frozen")
        return None if numbers is None else FrozenChip(**numbers)

    @property
    def precision(self) -> torch.dtype:
        """The type in which codes are read: that of the conductances, single precision where a frozen weight has less."""
        weight = self.reader.weight  # what every read asks, it asks in few steps
        kind = (self.effective_weight if weight is None else weight).dtype
        return kind if kind == torch.float64 else torch.float32

    @torch.inference_mode(False)
    @torch.no_grad()
    def freeze(self, dtype: torch.dtype | None = None) -> None:
        """Keep what reads need and no more: the effective weight, in `dtype`, and corrections.

        Raises
        ------
        ValueError
            If the arrays are read tile by tile.
        RuntimeError
            If they are not programmed.
        """
        if self.frozen is None:
            counted = frozen_chip(self.placement, self.config, self.plan)
            for name in (*_PLACEMENT, *_CELLS, *_COMPENSATED, "transfer", "converter_errors", "weight_mark"):
                setattr(self, name, None)
            self.programmed = torch.empty(0, device=self.code_spread.device)
            self._shape = {"frozen": asdict(counted)}
        self.reader.freeze(dtype)

    @checked
    @torch.inference_mode(False)
    @torch.no_grad()
    def program(
        self,
        weight: Tensor,
        *,
        faults: FaultMap | None = None,
        generator: torch.Generator | None = None,
        seed: int | None = None,
    ) -> None:
        """Map ideal weights (inputs per group, outputs) and program a fresh chip with them; the clock starts at 0."""
        placement = map_weight(weight, self.config.mapping, groups=self.groups)
        self.hold(placement, faults=faults, generator=generator, seed=seed)

    @checked
    @torch.inference_mode(False)
    @torch.no_grad()
    def hold(
        self,
        placement: Placement,
        *,
        faults: FaultMap | None = None,
        generator: torch.Generator | None = None,
        seed: int | None = None,
    ) -> None:
        """Program a fresh chip with a placement made elsewhere.

        Corrections that were fitted to the chip before are dropped; input and ADC ranges stay, the latter where the
        arrays have the same shape.
        """
        generator = generator_of(generator, seed)
        check_drawable(self.config)
        with kept_on_error(self, "_shape"):
            self.weight_mark = None
            for name, tensor in placement.tensors().items():
                setattr(self, name, tensor)
            self._shape = {f.name: getattr(placement, f.name) for f in fields(placement) if f.name not in _PLACEMENT}
            self._compensate(placement, faults, generator)
            cells = program_placement(
                placement, self.config.device, target=self.target, faults=faults, generator=generator
            )
            for name in _CELLS:
                setattr(self, name, cells[name])
        lines = self.read_placement.column_index
        self.corrections.start_chip(placement.outputs, tuple(lines.shape))
        if self.config.adc is not None and self.config.adc.has_errors:
            # A converter belongs to a bit line: the operation units of an array share it.
            converters = tuple(placement.column_index.shape)
            self.converter_errors = draw_converter_errors(
                self.config.adc, converters, generator=generator, device=lines.device
            )
        self.set_time(0.0)

    def _compensate(self, placement: Placement, known: FaultMap | None, generator: torch.Generator | None) -> None:
        """Choose targets for the wires, if the config says so."""
        for name in _COMPENSATED:
            setattr(self, name, None)
        settings = self.config.compensation
        if settings is None:
            return
        device = self.config.device
        faults = None
        if settings.known_faults:
            faults = draw_placement_faults(placement, device, faults=known, generator=generator)
        found = compensate(placement, self.config, faults=faults)
        self.target, self.common = found.target, found.common
        self.signal = torch.tensor(found.scale, dtype=found.target.dtype, device=found.target.device)

    @checked
    @torch.inference_mode(False)
    @torch.no_grad()
    def drift(self, t: float, *, generator: torch.Generator | None = None, seed: int | None = None) -> None:
        """Move the clock to `t` seconds since programming; a generator or seed draws the drift of the cells anew."""
        generator = generator_of(generator, seed)
        if generator is not None:
            self.drift_state = redraw_drift(self.config.device, self.cells, generator=generator).drift_state
        elif self.programmed_yet and stands_still(self.config, self.conductance, now=float(self.time), t=t):
            self.time = torch.full_like(self.time, t)
            return
        self.set_time(t)

    @torch.inference_mode(False)
    @torch.no_grad()
    def set_time(self, t: float) -> None:
        """Compute what reads at time `t` need: transfer matrices, and what the way to read makes of them."""
        self.transfer = self.solve(t)
        self.time = torch.tensor(t, dtype=torch.float64, device=self.transfer.device)
        self.prepare()

    @torch.no_grad()
    def solve(self, t: float | None = None) -> Tensor:
        """Return the transfer matrices that reads see at time `t`, the present one by default [S], (tiles, rows, cols)."""
        conductance = self.conductance(float(self.time) if t is None else t)
        with torch.autocast(conductance.device.type, enabled=False):
            return read_transfer(self.placement, self.config, conductance).contiguous()

    def conductance(self, t: float) -> Tensor:
        """Return the conductances of all cells at time `t` [S], (tiles, rows, cols)."""
        drawn = {name: getattr(self, name) for name in _CELLS}
        return programmed_conductance(self.placement, self.config.device, drawn, t, target=self.target)

    @torch.inference_mode(False)
    @torch.no_grad()
    def prepare(self) -> None:
        """Derive anew what reads need, after a correction of converters or arrays has changed."""
        solved = self.solved()
        self.reader.prepare(solved)
        self.transfer = solved.transfer if self.reader.keeps_transfer else None

    def solved(self) -> SolvedArrays:
        """Return all that a read depends on at the present time; without transfer matrices at hand they are solved."""
        placement = self.placement
        transfer = self.solve() if self.transfer is None else self.transfer
        noise = None
        if self.config.fresh_read_noise:
            noise = cell_noise(placement, self.config, self.cells, float(self.time))
        return SolvedArrays(
            placement=self.read_placement,
            config=self.config,
            transfer=transfer,
            noise=noise,
            converter_errors=errors_of_units(self.converter_errors, placement, self.config),
            calibrated_steps=self.corrections.converter_steps(),
            gain=self.array_gain(),
            common=self.common,
            curve=cell_curve(placement, self.config, self.cells, float(self.time))
            if self.config.bends_pulses
            else None,
            conductance=self.conductance(float(self.time)) if self.plan.kind == "circuit" else None,
        )

    def array_gain(self) -> Tensor | None:
        """Return the digital factor on what the arrays give, () or (outputs,), or None."""
        gain = self.corrections.array_gain()
        if self.signal is None:
            return gain
        return self.signal.reciprocal() if gain is None else gain / self.signal

    def conversions(self) -> Conversions:
        """Return the conversions of a read, block by block."""
        return find_conversions(self.read_placement, analog_subtraction=self.config.subtracts_pairs)

    def code_range(self, x: Tensor, *, vector_dimensions: int) -> CodeRange:
        """Return the range of input codes for `x`."""
        bounds = self.corrections.input_range() if self.config.inputs.range == "static" else None
        return code_range(x, self.config.inputs, vector_dimensions=vector_dimensions, static_range=bounds)

    def read(self, codes: Tensor, wiring: Wiring) -> Tensor:
        """Read input codes, wired as a layer wires them; `VectorWiring(groups)` takes (vectors, inputs).

        Raises
        ------
        RuntimeError
            If the ADC ranges are to be calibrated and are not yet.
        """
        if self._converters_bypassed:
            return self.reader.read_without_converters(codes, wiring)
        return self.reader.read(codes, wiring)

    @torch.no_grad()
    def read_vectors(self, codes: Tensor, *, digital: bool = True) -> Tensor:
        """Read codes (vectors, inputs) -> (vectors, outputs); without `digital`, what the arrays alone give."""
        outputs = self.read(codes, VectorWiring(self.groups))
        return outputs if digital else outputs - digital_output(codes, self.placement, self.config, common=self.common)

    def get_extra_state(self) -> Tensor:
        """Return config, placement numbers and a checksum over all of the state, as JSON in a uint8 tensor."""
        saved = checksum(state_tensors(self), json.dumps(self._shape))
        state = {"config": config_to_json(self.config), "placement": self._shape, "checksum": saved}
        return text_to_tensor(json.dumps(state))

    def set_extra_state(self, state: Tensor) -> None:
        """Take over the placement numbers of a checkpoint; its config must be this layer's."""
        self._shape = described(state, self.config)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Take over the chip of a checkpoint, whatever this one holds; one without a chip leaves it as it is."""
        if prefix + "_extra_state" not in state_dict:
            return
        as_saved = dict(state_dict)
        upgraded(state_dict, prefix)
        frozen = stored_frozen(state_dict, prefix)
        arrays = [] if frozen else _PLACEMENT
        check_complete(state_dict, prefix, [*arrays, "programmed", "time", "reader.weight"])
        check_undamaged(as_saved, prefix)
        if frozen:
            self.reader.keep_offset()
        take_over(self, state_dict, prefix, device=self.code_spread.device)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Follow `.to()`, but keep conductances and what is read of them in float32 where a model goes to half."""
        probe = fn(torch.zeros((), dtype=self.code_spread.dtype, device=self.code_spread.device))

        def moved(tensor: Tensor) -> Tensor:
            """Move a tensor and keep its precision."""
            return tensor.to(probe.device)

        half = probe.dtype in (torch.float16, torch.bfloat16)
        super()._apply(moved if half else fn, recurse)
        return self

    def extra_repr(self) -> str:
        """Describe the arrays in a model's printout."""
        mapping = self.config.mapping
        chip = "not programmed"
        if self.programmed_yet:
            chip = f"{self.frozen.crossbars if self.frozen else self.levels.shape[0]} tiles, t={float(self.time):g} s"
            chip += ", frozen" if self.frozen else ""
        missing = left_out(self.config)
        note = f", train() without {', '.join(missing)}" if missing else ""
        return f"{chip}, {mapping.rows}x{mapping.cols}, {self.config.device.name or 'device'}, {self.plan.kind}{note}"
