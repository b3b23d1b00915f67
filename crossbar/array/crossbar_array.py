"""The programmed arrays of one layer, as a module whose whole state is buffers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Self

import torch
from torch import Tensor, nn

from crossbar.array.collapse import baseline_weight, effective_variance, effective_weight
from crossbar.array.operation_units import split_rows
from crossbar.array.plan import Plan, choose_plan
from crossbar.array.prepare_read import adc_steps, may_clip, read_settings, read_tables
from crossbar.array.programming import (
    parallel_rows,
    program_placement,
    read_transfer,
    target_conductance,
    transfer_variance,
)
from crossbar.array.read_operator import describe_read, read_in_graph
from crossbar.array.read_tables import BlockRun, ReadTables, find_runs
from crossbar.array.tiled_read import ReadSettings, read_tiles
from crossbar.array.training import code_spread
from crossbar.config import CrossbarConfig
from crossbar.converters import CodeRange, code_range, draw_converter_errors
from crossbar.serialization import config_from_json, config_to_json, tensor_to_text, text_to_tensor
from devices import ProgrammedCells, conductance_at, redraw_drift
from mapping import Placement, left_to_subtract, map_weight, reference_share, subtract_references

_PLACEMENT = tuple(f.name for f in fields(Placement) if f.type is Tensor)
_CELLS = tuple(f.name for f in fields(ProgrammedCells) if f.name != "target")
_READ = ("effective_weight", "effective_variance", "offset_error", "transfer", "converter_errors", "time")
_TABLES = tuple(f.name for f in fields(ReadTables))
_FITTED_TO_CHIP = ("drift_scale", "output_scale", "output_offset")
_CALIBRATED = ("input_range", "calibrated_steps", *_FITTED_TO_CHIP)


class CrossbarArray(nn.Module):
    """The arrays that hold one weight matrix: placement, cells, clock, and what a read needs of them.

    Everything is a buffer: absent (None) until `program` is called, then saved, moved, copied and broadcast with the
    model. What changes only with the cells or the clock (wires included) is computed then, never per input.

    Parameters
    ----------
    config
        Technology of the arrays.
    groups
        Independent blocks of the weight matrix.
    """

    effective_weight: Tensor
    effective_variance: Tensor | None
    offset_error: Tensor | None
    code_spread: Tensor
    transfer: Tensor
    variance: Tensor | None
    converter_errors: Tensor | None
    programmed: Tensor | None
    drift_state: Tensor | None
    time: Tensor
    scale: Tensor
    levels: Tensor
    steps: Tensor | None
    digital_weight: Tensor | None
    reference_share: Tensor | None
    offset_weight: Tensor | None
    input_range: Tensor | None
    calibrated_steps: Tensor | None
    drift_scale: Tensor | None
    output_scale: Tensor | None
    output_offset: Tensor | None

    def __init__(self, config: CrossbarConfig, *, groups: int = 1) -> None:
        super().__init__()
        self.config = config
        self.groups = groups
        self.plan: Plan = choose_plan(config)
        self._shape: dict[str, Any] = {}
        self.read_runs: tuple[BlockRun, ...] = ()
        self.read_settings: ReadSettings | None = None
        self._read_description = ""
        for name in (*_PLACEMENT, *_CELLS, *_READ, *_CALIBRATED):
            self.register_buffer(name, None)
        for name in (
            "steps",
            "digital_weight",
            "reference_share",
            "offset_weight",
            *(f"read_{name}" for name in _TABLES),
        ):
            self.register_buffer(name, None, persistent=False)
        if config.inputs.maximum is not None:
            self.input_range = torch.tensor([-config.inputs.maximum, config.inputs.maximum])
        # Saved although it follows from the config, so that a model made on the meta device finds it when it loads.
        self.register_buffer("code_spread", code_spread(config))

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
    def placement(self) -> Placement:
        """Where the weights live."""
        self.require_programmed()
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
        target = target_conductance(self.placement, self.config.device)
        return ProgrammedCells(target=target, **{name: getattr(self, name) for name in _CELLS})

    @torch.no_grad()
    def program(self, weight: Tensor, *, generator: torch.Generator | None = None) -> None:
        """Map ideal weights (inputs per group, outputs) and program a fresh chip with them; the clock starts at 0."""
        self.hold(map_weight(weight, self.config.mapping, groups=self.groups), generator=generator)

    @torch.no_grad()
    def hold(self, placement: Placement, *, generator: torch.Generator | None = None) -> None:
        """Program a fresh chip with a placement made elsewhere.

        Output corrections were fitted to the chip before and are dropped; input and ADC ranges stay, the latter where
        the arrays have the same shape.
        """
        for name in _FITTED_TO_CHIP:
            setattr(self, name, None)
        for name, tensor in placement.tensors().items():
            setattr(self, name, tensor)
        self._shape = {f.name: getattr(placement, f.name) for f in fields(placement) if f.name not in _PLACEMENT}
        cells = program_placement(placement, self.config.device, generator=generator)
        for name in _CELLS:
            setattr(self, name, getattr(cells, name))
        lines = self.read_placement.column_index
        if self.calibrated_steps is not None and self.calibrated_steps.shape != lines.shape:
            self.calibrated_steps = None
        if self.config.adc is not None and self.config.adc.has_errors:
            self.converter_errors = draw_converter_errors(
                self.config.adc, tuple(lines.shape), generator=generator, device=lines.device
            )
        self.set_time(0.0)

    @torch.no_grad()
    def drift(self, t: float, *, generator: torch.Generator | None = None) -> None:
        """Move the clock to `t` seconds since programming; a generator draws the drift of the cells anew."""
        if generator is not None:
            self.drift_state = redraw_drift(self.config.device, self.cells, generator=generator).drift_state
        self.set_time(t)

    @torch.no_grad()
    def set_time(self, t: float) -> None:
        """Compute what reads at time `t` need: transfer matrices, and one effective weight of all of them."""
        placement, device = self.placement, self.config.device
        conductance = conductance_at(device, self.cells, t).masked_fill(~placement.used, 0)
        with torch.autocast(conductance.device.type, enabled=False):
            self.transfer = read_transfer(placement, self.config, conductance)
        self.time = torch.tensor(t, dtype=torch.float64, device=conductance.device)
        self.prepare()

    @torch.no_grad()
    def prepare(self) -> None:
        """Derive from the transfer matrices what the plan reads. Call it after changing `calibrated_steps`."""
        placement, device = self.read_placement, self.config.device
        transfer = self.transfer
        if transfer is None:
            raise RuntimeError("The transfer matrices are not at hand. Call `set_time` on the array.")
        variance = None
        if self.config.fresh_read_noise:
            variance = transfer_variance(self.placement, self.config, self.cells, transfer, float(self.time))
        baseline = baseline_weight(placement, device)
        weight = effective_weight(placement, device, transfer, baseline)
        self.effective_weight = weight.t().contiguous()
        offset = self.config.inputs.offset_code
        if offset:
            self.offset_weight = offset * placement.to_weight().sum(0)
            self.offset_error = offset * weight.sum(0) - self.offset_weight
        if self.plan.kind == "collapsed":
            collapsed = None if variance is None else effective_variance(placement, device, variance)
            self.effective_variance = None if collapsed is None else collapsed.t().contiguous()
            self.register_buffer("transfer", None)
            return
        self._prepare_tiled(placement, transfer, variance, baseline)

    def _prepare_tiled(
        self, placement: Placement, transfer: Tensor, variance: Tensor | None, baseline: Tensor | None
    ) -> None:
        """Lay out the tables of a tiled read, and what the periphery adds to it."""
        steps = self.calibrated_steps
        if not self._calibrated_adc:
            steps = adc_steps(placement, self.config, transfer)
        self.steps = steps
        tables, block = read_tables(
            placement,
            self.config,
            transfer=transfer,
            variance=variance,
            steps=steps,
            errors=self.converter_errors,
        )
        for name in _TABLES:
            setattr(self, f"read_{name}", getattr(tables, name))
        self.read_runs = find_runs(block, tables.output, tables.row_index, tables.row_shift)
        self.read_settings = read_settings(placement, self.config, clips=may_clip(tables, self.config))
        self._read_description = describe_read(self.read_runs, self.read_settings)
        self.digital_weight = self.reference_share = None
        if placement.references:
            share = reference_share(placement)
            self.reference_share = share.to(transfer.dtype)
            left = left_to_subtract(placement, share).to(transfer.dtype)
            self.digital_weight = left[:, None].expand_as(self.effective_weight).contiguous()
        elif baseline is not None or placement.digital_offset:
            digital = torch.full_like(self.effective_weight, float(placement.digital_offset))
            self.digital_weight = digital if baseline is None else digital - baseline.t()

    def code_range(self, x: Tensor, *, vector_dimensions: int) -> CodeRange:
        """Return the range of input codes for `x`."""
        return code_range(x, self.config.inputs, vector_dimensions=vector_dimensions, static_range=self.input_range)

    def read(self, codes: Tensor) -> Tensor:
        """Read all tiles by the tiled plan: (vectors, inputs) -> (vectors, outputs).

        Raises
        ------
        RuntimeError
            If the ADC ranges are to be calibrated and are not yet.
        """
        if self._calibrated_adc and self.calibrated_steps is None:
            raise RuntimeError(
                "The ADC ranges are not set. Call `calibration.calibrate_adc_ranges(model, batches)`, or give "
                "`ADC(range='full')`."
            )
        settings = self.read_settings
        if settings is None:
            raise RuntimeError("The tiled read is not prepared. Call `prepare()` on the array.")
        if torch.compiler.is_compiling():
            outputs = read_in_graph(codes.t(), self.read_tables, self._read_description).t()
        else:
            outputs = read_tiles(codes.t(), self.read_tables, self.read_runs, settings).t()
        if self.reference_share is not None:
            outputs = subtract_references(outputs, self.reference_share)
        if self.digital_weight is not None:
            outputs = outputs + _digital_part(codes + settings.input_offset, self.digital_weight, self.groups)
        outputs = outputs * self.scale
        return outputs if self.offset_weight is None else outputs - self.offset_weight

    @property
    def read_tables(self) -> ReadTables:
        """The bit lines laid out as conversions."""
        return ReadTables(**{name: getattr(self, f"read_{name}") for name in _TABLES})

    @property
    def _calibrated_adc(self) -> bool:
        """Whether the ADC ranges come from calibration."""
        return self.config.adc is not None and self.config.adc.range == "calibrated"

    def get_extra_state(self) -> Tensor:
        """Return config and placement numbers as JSON in a uint8 tensor."""
        return text_to_tensor(json.dumps({"config": config_to_json(self.config), "placement": self._shape}))

    def set_extra_state(self, state: Tensor) -> None:
        """Take over the placement numbers of a checkpoint; its config must be this layer's."""
        data = _described(state)
        if not _describes(data["config"], self.config):
            raise RuntimeError(
                "The checkpoint was made with another CrossbarConfig than this layer has. Convert the model with the "
                f"checkpoint's config, or load the digital weights only. Checkpoint: {data['config']}. "
                f"Layer: {config_to_json(self.config)}."
            )
        shape = data["placement"]
        self._shape = {key: tuple(value) if isinstance(value, list) else value for key, value in shape.items()}

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Take over the chip of a checkpoint, whatever this one holds; one without a chip leaves it as it is."""
        if prefix + "_extra_state" not in state_dict:
            return
        if prefix + "row_index" in state_dict and prefix + "row_sign" not in state_dict:
            # Before version 0.2 every word line was driven with the sign of its input.
            state_dict = {**state_dict, prefix + "row_sign": torch.ones_like(state_dict[prefix + "row_index"])}
        _check_complete(state_dict, prefix)
        device = self.code_spread.device
        for name in self._buffers:
            if name in self._non_persistent_buffers_set:
                continue
            stored = state_dict.get(prefix + name)
            setattr(self, name, None if stored is None else torch.empty_like(stored, device=device))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        if self.plan.kind == "tiled" and self.programmed is not None and not self.programmed.is_meta:
            self.prepare()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Follow `.to()`, but keep conductances and what is read of them in float32 where a model goes to half."""
        probe = fn(torch.zeros((), dtype=self.code_spread.dtype, device=self.code_spread.device))

        def moved(tensor: Tensor) -> Tensor:
            """Move a tensor and keep its precision."""
            return tensor.to(probe.device)

        half = probe.dtype in (torch.float16, torch.bfloat16)
        super()._apply(moved if half else fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def extra_repr(self) -> str:
        """Describe the arrays in a model's printout."""
        mapping = self.config.mapping
        chip = f"{self.levels.shape[0]} tiles, t={float(self.time):g} s" if self.programmed_yet else "not programmed"
        return f"{chip}, {mapping.rows}x{mapping.cols}, {self.config.device.name or 'device'}, {self.plan.kind}"


def _describes(text: str, config: CrossbarConfig) -> bool:
    """Return whether the JSON of a config, perhaps of a version with fewer fields, is that of `config`."""
    try:
        return config_from_json(text) == config
    except ValueError:
        return False


def _check_complete(state_dict: Mapping[str, Any], prefix: str) -> None:
    """Raise unless a checkpoint holds either no chip or every tensor that any chip has."""
    names = [*_PLACEMENT, "programmed", "time", "effective_weight"]
    missing = [name for name in names if prefix + name not in state_dict]
    if missing and len(missing) < len(names):
        raise RuntimeError(
            f"The checkpoint's chip at `{prefix}` lacks {', '.join(missing)}: it is incomplete. Save the model again."
        )


def _described(state: Tensor) -> dict[str, Any]:
    """Return the config and the placement numbers that a checkpoint describes its arrays by."""
    try:
        data = json.loads(tensor_to_text(state))
        described = {"config": str(data["config"]), "placement": dict(data["placement"])}
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError) as error:
        raise RuntimeError(
            f"The checkpoint's description of its arrays (`_extra_state`) is damaged: {error!r}. Save the model again."
        ) from error
    return described


def _digital_part(codes: Tensor, digital_weight: Tensor, groups: int) -> Tensor:
    """Multiply (vectors, inputs) with what the periphery adds to each weight (outputs, inputs per group)."""
    grouped = codes.reshape(len(codes), groups, -1)  # (vectors, groups, inputs per group)
    blocks = digital_weight.view(groups, -1, digital_weight.shape[1])  # (groups, outputs per group, inputs per group)
    return torch.einsum("vgi,goi->vgo", grouped, blocks).flatten(1)
