"""What every analog layer shares: ideal weights, programmed arrays, and the way a read goes."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from crossbar.array import CrossbarArray, Plan
from crossbar.array.training import training_weight
from crossbar.config import CrossbarConfig
from crossbar.converters import pulse_power, quantize_inputs, straight_through
from crossbar.layers.origin import restored, stand_in


class AbstractAnalogLayer(nn.Module, ABC):
    """A layer whose weights live on crossbars.

    `weight` and `bias` are the ideal, trainable parameters, named as in the digital layer; the bias stays digital. The
    submodule `array` holds the programmed chip. In `eval()` mode the chip is read; in `train()` mode the ideal weights are
    quantised and given fresh device noise, with straight-through gradients (noise-aware training).

    A new layer takes over what a digital one holds, gives the linear map and its weight as a matrix, and for tiled reads
    the input vectors of that matrix.
    """

    digital_class: ClassVar[type[nn.Module]]
    """The layer of `torch.nn` that this one replaces."""
    vector_dimensions: ClassVar[int]
    """Trailing dimensions of the input that share one dynamic input range."""

    weight: nn.Parameter
    bias: nn.Parameter | None
    array: CrossbarArray

    @classmethod
    def from_digital(cls, module: nn.Module, config: CrossbarConfig) -> Self:
        """Return an analog layer with the parameters of `module`, shared with it and not yet programmed.

        Raises
        ------
        TypeError
            If `module` is no layer that this one replaces, or `config` no CrossbarConfig.
        """
        layer = cls.__new__(cls)
        nn.Module.__init__(layer)
        layer._replace(module, config)
        return layer

    def to_digital(self) -> nn.Module:
        """Return the digital layer that this one stands for, with the ideal weights, shared."""
        return restored(self)

    def _replace(self, module: nn.Module, config: CrossbarConfig) -> None:
        """Stand in for `module`, on arrays of `config`."""
        if not isinstance(module, self.digital_class):
            raise TypeError(f"`module` must be nn.{self.digital_class.__name__}. Got {type(module).__name__}.")
        if not isinstance(config, CrossbarConfig):
            raise TypeError(f"`config` must be a CrossbarConfig. Got {config!r}.")
        self.hold(module)
        self.array = CrossbarArray(config, groups=getattr(module, "groups", 1))
        stand_in(self, module)

    @abstractmethod
    def hold(self, module: nn.Module) -> None:
        """Take over the parameters and the geometry of `module`."""

    @abstractmethod
    def weight_matrix(self) -> Tensor:
        """Return the ideal weights as rows of inputs and columns of outputs, (inputs per group, outputs)."""

    @abstractmethod
    def linear_map(self, x: Tensor, weight: Tensor) -> Tensor:
        """Apply the layer without bias; `weight` has the shape of the parameter."""

    @abstractmethod
    def input_vectors(self, codes: Tensor) -> Tensor:
        """Return the vectors that drive the word lines, (vectors, inputs), of a batch of inputs."""

    @abstractmethod
    def assemble(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Give outputs (vectors, outputs) the shape of the layer's output for the input `x`."""

    @abstractmethod
    def bias_view(self) -> Tensor | None:
        """Return the bias, broadcastable to the output."""

    @property
    def plan(self) -> Plan:
        """How this layer is read, and why."""
        return self.array.plan

    def program(self, *, generator: torch.Generator | None = None) -> None:
        """Program a fresh chip from the ideal weights."""
        self.array.program(self.weight_matrix(), generator=generator)

    def drift(self, t: float, *, generator: torch.Generator | None = None) -> None:
        """Move the chip's clock to `t` seconds since programming."""
        self.array.drift(t, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Read the chip (eval) or the noisy ideal weights (train), in the precision of the conductances."""
        self.check_input(x)
        if not self.training:
            self.array.require_programmed()
        with torch.autocast(x.device.type, enabled=False):
            return self._read(x.to(self.array.code_spread.dtype)).to(x.dtype)

    def _read(self, x: Tensor) -> Tensor:
        """Convert the inputs, read, and add what the periphery adds."""
        codes = self.array.code_range(x, vector_dimensions=self.vector_dimensions)
        units = quantize_inputs(x, codes, self.array.config.inputs)
        if self.training:
            matrix = training_weight(
                self.weight_matrix().to(x.dtype), self.array.config, self.array.code_spread, groups=self.array.groups
            )
            outputs = self.linear_map(units, self.shape_weight(matrix.t()))
        elif self.plan.kind == "collapsed":
            outputs = self._read_collapsed(units)
        else:
            outputs = self._read_tiled(units, x)
        scale, offset = self._periphery(codes.scale)
        return outputs * scale if offset is None else torch.addcmul(offset, outputs, scale)

    def shape_weight(self, matrix: Tensor) -> Tensor:
        """Give a matrix (any number of outputs, inputs per group) the layout of the weight."""
        return matrix.reshape(-1, *self.weight.shape[1:])

    @abstractmethod
    def check_input(self, x: Tensor) -> None:
        """Raise unless `x` has the size that the layer expects."""

    def _read_collapsed(self, units: Tensor) -> Tensor:
        """Read one effective weight, and the output-referred variance of fresh read noise."""
        outputs = self.linear_map(units, self.shape_weight(self.array.effective_weight))
        if self.array.offset_error is not None:
            outputs = outputs + self.per_output(self.array.offset_error)
        if self.array.effective_variance is None:
            return outputs
        spread = self._read_variance(units.detach(), self.array.effective_variance).sqrt_()
        return torch.addcmul(outputs, spread, torch.randn_like(outputs))

    def _read_variance(self, units: Tensor, variance: Tensor) -> Tensor:
        """Return the output-referred variance of fresh read noise, from that of each weight (outputs, inputs)."""
        inputs = self.array.config.inputs
        weight = self.shape_weight(variance)
        if not inputs.offset_code:
            return self.linear_map(pulse_power(units, inputs), weight)  # sums of products of numbers >= 0
        # Padding is driven with the offset too, so what it adds is told apart from what the inputs add.
        rest = pulse_power(torch.full_like(units[..., :1], float(inputs.offset_code)), inputs)
        excess = self.linear_map(pulse_power(units + inputs.offset_code, inputs) - rest, weight)
        return (excess + self.per_output(variance.sum(1)) * rest.flatten()[0]).clamp_(min=0)

    def _read_tiled(self, units: Tensor, x: Tensor) -> Tensor:
        """Read tile by tile; a gradient passes as if the ADCs were ideal (straight through)."""
        with torch.no_grad():
            outputs = self.assemble(self.array.read(self.input_vectors(units)), x)
        if not units.requires_grad:
            return outputs
        linear = self.linear_map(units, self.shape_weight(self.array.effective_weight))
        return straight_through(linear, outputs)

    def _periphery(self, scale: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what multiplies the outputs and what is added: input scale, digital corrections, bias."""
        bias = self.bias_view()
        if self.training:
            return scale, bias
        for factor in (self.array.drift_scale, self.array.output_scale):
            if factor is not None:
                scale = scale * self.per_output(factor)
        if self.array.output_offset is None:
            return scale, bias
        offset = self.per_output(self.array.output_offset)
        return scale, offset if bias is None else bias + offset

    def per_output(self, values: Tensor) -> Tensor:
        """Give values, () or (outputs,), a shape that broadcasts to the layer's output."""
        return values.reshape(-1, *(1,) * (self.vector_dimensions - 1))
