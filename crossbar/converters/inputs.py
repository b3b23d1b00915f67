"""Digital-to-analog conversion: real inputs to integer codes, and codes to the pulses that drive word lines."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from crossbar.converters.at_hand import at_hand
from crossbar.converters.straight_through import round_straight_through
from devices.display import html_table, short_repr
from devices.plausibility import warn_voltage
from devices.validation import FieldValueError, check_choice, check_integer, check_positive

_SPIKE_TOLERANCE = 1e-3
"""Share of their height by which spikes may differ, as sums and differences in single precision let them."""


@dataclass(frozen=True, kw_only=True)
class InputConfig:
    """How the inputs of a layer become voltage pulses.

    Parameters
    ----------
    bits
        Bits of an input code, the sign included where inputs are negative; None drives real values unquantised. 1: spikes,
        pulses of one height and either sign; an input with other values is refused.
    dac_bits
        Bits of one pulse: fewer than `bits` reads the array several times (1: bit-serial). None: all bits at once.
    read_voltage
        Voltage of the largest pulse [V].
    range
        What the largest code stands for: the largest |input| of each vector (an image, for a convolution), of the
        batch, or a fixed number.
    maximum
        The fixed number of a static range, in units of the input; None: set by calibration.
    negative
        Negative inputs are read in a second phase and subtracted, driven as negative voltages in the same one, or every
        input is raised by half of the code range, whose product with the ideal weights the periphery subtracts.
    """

    bits: int | None = 8
    dac_bits: int | None = None
    read_voltage: float = 0.2
    range: Literal["vector", "batch", "static"] = "vector"
    maximum: float | None = None
    negative: Literal["two_phase", "bipolar", "offset"] = "two_phase"

    __repr__ = short_repr
    _repr_html_ = html_table

    def __post_init__(self) -> None:
        """Refuse converters that cannot be."""
        if self.bits is not None:
            check_integer("bits", self.bits, at_least=1, at_most=16, hint="Use None for unquantised inputs.")
        if self.dac_bits is not None:
            check_integer("dac_bits", self.dac_bits, at_least=1)
            if self.bits is None or self.dac_bits > self.bits:
                raise FieldValueError(
                    f"`dac_bits` must be <= `bits`. Got dac_bits={self.dac_bits}, bits={self.bits}.", "dac_bits"
                )
        check_positive("read_voltage", self.read_voltage)
        warn_voltage("read_voltage", self.read_voltage)
        check_choice("range", self.range, ("vector", "batch", "static"))
        check_choice("negative", self.negative, ("two_phase", "bipolar", "offset"))
        if self.negative == "offset" and (self.bits is None or self.bits == 1):
            raise FieldValueError(
                f"`negative='offset'` needs input codes of 2 bits or more. Got bits={self.bits}. "
                "Use 'two_phase' or 'bipolar'.",
                "negative",
            )
        if self.maximum is not None:
            check_positive("maximum", self.maximum)
            if self.range != "static":
                raise FieldValueError(f"`maximum` needs range='static'. Got range={self.range!r}.", "maximum")

    @property
    def pulse_bits(self) -> int | None:
        """Bits of one pulse; None for unquantised inputs."""
        return self.dac_bits or self.bits

    @property
    def offset_code(self) -> int:
        """Code added to every input, 0 unless negative inputs are offset."""
        return 2 ** (self.bits - 1) if self.negative == "offset" and self.bits is not None else 0

    def cycles(self, extra_bits: int = 0) -> int:
        """Return how many pulses carry an input code that is shifted by up to `extra_bits`."""
        if self.bits is None or self.pulse_bits is None:
            return 1
        return -(-(self.bits + extra_bits) // self.pulse_bits)


class CodeRange(NamedTuple):
    """What input codes mean, each broadcastable to the inputs (batch, ...)."""

    scale: Tensor
    """Input value of one code unit; 0 for a vector of zeros, which so gives zero whatever its reads give."""
    divisor: Tensor
    """The same, with the least normal number in place of 0: all codes of such a vector are 0."""
    lowest: Tensor | float | None = None
    """Code to which smaller ones clip; None where the range holds every input."""
    highest: Tensor | float | None = None
    """Code to which larger ones clip, or None."""


def code_range(x: Tensor, config: InputConfig, *, vector_dimensions: int, static_range: Tensor | None) -> CodeRange:
    """Find the range of a batch of inputs.

    A range without negative inputs spends all its bits on the magnitude.

    Parameters
    ----------
    x
        Inputs; the last `vector_dimensions` dimensions are one vector.
    config
        Bits and range.
    vector_dimensions
        1 for a linear layer, 3 for a two-dimensional convolution.
    static_range
        Smallest and largest input of a static range, (2,).

    Raises
    ------
    RuntimeError
        If the range is static and neither given nor calibrated.
    """
    static = config.range == "static"
    if static and static_range is None:
        raise RuntimeError(
            "The static input range is not set. Call `calibration.calibrate_input_ranges(model, batches)`, "
            "or give `InputConfig(range='static', maximum=...)`."
        )
    if config.bits is None:
        one = x.new_ones(())
        return CodeRange(one, one)
    if static_range is not None and static:
        lowest, highest = static_range.unbind()
    elif x.numel() == 0:  # not as a truth value, which torch 2.6 compiles anew for every size
        lowest = highest = x.new_zeros(())
    elif config.range == "batch" or x.shape[:-vector_dimensions].numel() == 1:
        lowest, highest = torch.aminmax(_without_gradient(x))
    else:
        dimensions, values = tuple(range(-vector_dimensions, 0)), _without_gradient(x)
        # Apart, these two are an order of magnitude faster than `aminmax` along dimensions.
        lowest, highest = values.amin(dimensions, keepdim=True), values.amax(dimensions, keepdim=True)
    if lowest.ndim == 0 and not lowest.requires_grad and at_hand(x):  # a range that learns needs its gradient
        try:
            return _range_of_numbers(lowest.item(), highest.item(), config, x)
        except RuntimeError:  # a transform such as `torch.vmap`, in which no tensor has numbers
            pass
    signed = torch.ones_like(lowest, dtype=torch.bool) if config.offset_code else lowest < 0
    levels = torch.where(signed, *_levels(config.bits)).to(x.dtype)
    scale = torch.maximum(highest, -lowest) / levels
    divisor = scale.clamp(min=torch.finfo(x.dtype).tiny)
    return CodeRange(scale, divisor, torch.where(signed, -levels, 0), levels) if static else CodeRange(scale, divisor)


def _range_of_numbers(lowest: float, highest: float, config: InputConfig, x: Tensor) -> CodeRange:
    """Return the range of inputs between two numbers: for one vector, what counts is how few operations there are."""
    signed = bool(config.offset_code) or lowest < 0
    levels = _levels(config.bits or 1)[0 if signed else 1]
    # Divided in double precision and then rounded once more, a quotient is that of single precision.
    value = max(highest, -lowest) / levels
    scale = x.new_full((), value)
    tiny = torch.finfo(x.dtype).tiny
    divisor = x.new_full((), tiny) if value < tiny else scale
    if config.range != "static":
        return CodeRange(scale, divisor)
    return CodeRange(scale, divisor, -levels if signed else 0.0, levels)


def _levels(bits: int) -> tuple[float, float]:
    """Return the largest code of inputs of both signs, and of those without negative ones.

    A spike has its sign beside its one bit.
    """
    return 2.0 ** max(bits - 1, 1) - 1, 2.0**bits - 1


def _without_gradient(x: Tensor) -> Tensor:
    return x.detach() if x.requires_grad else x


def quantize_inputs(x: Tensor, codes: CodeRange, config: InputConfig) -> Tensor:
    """Return integer input codes as floating point, of the shape of `x`, with a straight-through gradient.

    Inputs beyond a static range clip to it; a dynamic range holds every input.
    """
    if config.bits is None:
        return x
    real = x / codes.divisor
    if config.bits == 1:
        real = _spikes(real)
    units = round_straight_through(real)
    if codes.highest is None:
        return units
    return units.clamp(codes.lowest, codes.highest)  # type: ignore[arg-type]


def _spikes(units: Tensor) -> Tensor:
    """Return inputs in units of their code where they are spikes.

    Others are refused, or NaN where looking at them would take waiting.
    """
    values = units.detach()
    off = (values - values.round().clamp_(-1, 1)).abs() > _SPIKE_TOLERANCE
    if not at_hand(values):
        return units.masked_fill(off, torch.nan)
    if bool(off.any()):
        raise ValueError(
            "`x` must be spikes, -1, 0 or 1 times one number in every vector, for inputs of one bit. Got other values. "
            "Give a layer that reads images or averages more bits: `convert_to_analog(..., overrides={name: config})` "
            "with `InputConfig(bits=8)`."
        )
    return units


def pulses(codes: Tensor, config: InputConfig, extra_bits: int = 0) -> Tensor:
    """Split non-negative codes into the pulses of successive cycles, least significant first.

    Parameters
    ----------
    codes
        Non-negative integers as floating point, any shape `(...)`.
    config
        Bits per pulse.
    extra_bits
        Bits that the codes may exceed `config.bits` by, because rows are shifted.

    Returns
    -------
    Tensor
        `(cycles, ...)`; `sum_c 2^(c * pulse_bits) * pulses[c] == codes`.
    """
    cycles = config.cycles(extra_bits)
    if cycles == 1:
        return codes[None]
    return cut_pulses(codes.to(torch.int32), cycles, config.pulse_bits or 1, dim=0).to(codes.dtype)


def cut_pulses(codes: Tensor, cycles: int, pulse_bits: int, *, dim: int) -> Tensor:
    """Cut non-negative integers into the pulses of `cycles` cycles, least significant first, in a new dimension `dim`."""
    shape = [1] * (codes.ndim + 1)
    shape[dim] = cycles
    shifts = torch.arange(0, cycles * pulse_bits, pulse_bits, device=codes.device).view(shape)
    if pulse_bits == 1 and codes.dtype == torch.uint8:
        return (codes.unsqueeze(dim) & (1 << shifts).to(torch.uint8)).ne_(0)  # a shift of bytes takes twice as long
    return (codes.unsqueeze(dim) >> shifts.to(codes.dtype)).bitwise_and_(2**pulse_bits - 1)


def pulse_power(codes: Tensor, config: InputConfig) -> Tensor:
    """Return what multiplies a cell's read-noise variance: the sum over cycles of the squared weight of its pulse.

    Read noise is fresh in every cycle, so bits read apart add their variances: `sum_c (2^(c pulse_bits) digit_c)^2`,
    and the square of the code where all bits are read at once.
    """
    if config.cycles() == 1:
        return codes * codes
    digits = pulses(codes.abs(), config)
    weight = 4.0 ** (torch.arange(len(digits), device=codes.device, dtype=codes.dtype) * (config.pulse_bits or 1))
    return torch.einsum("c...,c->...", digits * digits, weight)
