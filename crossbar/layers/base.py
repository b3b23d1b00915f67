"""What every analog layer shares: ideal weights, programmed arrays, and the way a read goes."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from crossbar.array import CrossbarArray, Plan
from crossbar.array.frozen import stored_frozen
from crossbar.config import CrossbarConfig
from crossbar.converters import quantize_inputs
from crossbar.layers.origin import restored, stand_in
from crossbar.layers.stale_chip import Versions, warn_if_stale, weight_mark, weight_versions
from crossbar.layers.training_read import training_codes, training_read
from devices import FaultMap


class AbstractAnalogLayer(nn.Module, ABC):
    """A layer whose weights live on crossbars.

    `weight` and `bias` are the ideal, trainable parameters, named as in the digital layer; the bias stays digital. The
    submodule `array` holds the programmed chip. In `eval()` mode the chip is read; in `train()` mode the ideal weights are
    given what `config.training` names of the chip, by default codes and fresh device noise (noise-aware training).

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
    _versions_read: Versions | None = None
    _dropped_shape: tuple[int, ...] | None = None
    """Sizes of the weight of one output, once it is dropped."""

    def __new__(cls, *args: Any, **settings: Any) -> Self:
        """Refuse a config among the arguments that are those of the digital layer."""
        if any(isinstance(argument, CrossbarConfig) for argument in args):
            raise TypeError(f"A config is given by name: `{cls.__name__}(..., config=config)`. Got it by position.")
        return super().__new__(cls)

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

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Load; in version 0.1 a low-rank path was a module around the layer."""
        for name in [name for name in state_dict if name.startswith(prefix + "layer.")]:
            state_dict[prefix + name.removeprefix(prefix + "layer.")] = state_dict.pop(name)
        for name in ("down", "up"):
            if prefix + name in state_dict:
                path = state_dict.pop(prefix + name)
                state_dict[f"{prefix}array.corrections.low_rank.{name}"] = path.flatten(1) if name == "down" else path
        if stored_frozen(state_dict, prefix + "array."):
            self.drop_weights()
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    @property
    def holds_weights(self) -> bool:
        """Whether the ideal weights are here; a frozen layer has none."""
        return self._parameters.get("weight") is not None

    def require_weights(self) -> None:
        """Raise unless the ideal weights are here."""
        if not self.holds_weights:
            raise RuntimeError(
                "This layer is frozen: it has no ideal weights to train, to program or to go back to. Keep a copy of the "
                "model, or of its digital weights, before `crossbar.freeze_analog_weights(model)`."
            )

    def freeze(self, dtype: torch.dtype | None = None) -> None:
        """Keep what reads of the chip need, its effective weight in `dtype`, and drop ideal weights and cells."""
        self.array.freeze(dtype)
        self.drop_weights()

    def drop_weights(self) -> None:
        """Drop the ideal weights."""
        if self.holds_weights:
            self._dropped_shape = tuple(self.weight.shape[1:])
        self.weight = None  # type: ignore[assignment]
        self._versions_read = []

    def program(
        self, *, faults: FaultMap | None = None, generator: torch.Generator | None = None, seed: int | None = None
    ) -> None:
        """Program a fresh chip from the ideal weights; `faults` are the stuck cells that it is known to have."""
        self.require_weights()
        self.array.program(self.weight_matrix(), faults=faults, generator=generator, seed=seed)
        self.array.weight_mark = weight_mark(self)
        self._versions_read = weight_versions(self)

    def drift(self, t: float, *, generator: torch.Generator | None = None, seed: int | None = None) -> None:
        """Move the chip's clock to `t` seconds since programming."""
        self.array.drift(t, generator=generator, seed=seed)

    def forward(self, x: Tensor) -> Tensor:
        """Read the chip (eval) or the noisy ideal weights (train), in the precision of the conductances.

        Raises
        ------
        TypeError
            If `x` is not of a floating-point type.
        ValueError
            If `x` has another size than the layer expects.
        RuntimeError
            If the chip is to be read and not programmed.

        Warns
        -----
        StaleChipWarning
            Once after the weights have changed, if the chip is read without being programmed anew.
        """
        if not isinstance(x, Tensor) or not x.is_floating_point():
            got = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"`x` must be of a floating-point type, as for torch.nn. Got {got}. Use `x.float()`.")
        self.check_input(x)
        if self.training:
            self.require_weights()
        precision = self._precision()  # which only a programmed chip has
        if not self.training and not torch.compiler.is_compiling():
            self._notice_new_weights()
        own = x if x.dtype == precision else x.to(precision)
        if torch.is_autocast_enabled(x.device.type):  # entering its context costs more than a small product
            with torch.autocast(x.device.type, enabled=False):
                outputs = self._read(own)
        else:
            outputs = self._read(own)
        return outputs if own is x else outputs.to(x.dtype)

    def _notice_new_weights(self) -> None:
        """Warn once if the weights are not those of the chip; look at them only where their versions are new."""
        versions = weight_versions(self)
        if versions != self._versions_read:
            self._versions_read = versions
            warn_if_stale(self, self.array.weight_mark)

    def _read(self, x: Tensor) -> Tensor:
        """Convert the inputs, read, and add what the periphery adds."""
        array = self.array
        codes = array.code_range(x, vector_dimensions=self.vector_dimensions)
        if self.training:
            units = training_codes(x, codes, array.config)
            outputs = training_read(units, self.weight_matrix().to(x.dtype), array, self)
        else:
            outputs = array.read(quantize_inputs(x, codes, array.config.inputs), self)
        corrections = array.corrections
        scale, offset = corrections.periphery(codes.scale, self.bias_view(), self, training=self.training)
        outputs = outputs * scale if offset is None else torch.addcmul(offset, outputs, scale)
        noise = array.config.training.noise if self.training else None
        shift = None if noise is None else noise.output_noise(outputs, channel=-self.vector_dimensions)
        beside = corrections.side_output(x, self, training=self.training)
        for added in (shift, beside):
            outputs = outputs if added is None else outputs + added
        return outputs

    @torch.no_grad()
    def input_codes(self, x: Tensor) -> Tensor:
        """Return the input codes that drive the word lines for the input `x`, (vectors, inputs)."""
        x = x.detach().to(self._precision())
        codes = self.array.code_range(x, vector_dimensions=self.vector_dimensions)
        return self.input_vectors(quantize_inputs(x, codes, self.array.config.inputs))

    def _precision(self) -> torch.dtype:
        """Return the type in which the layer computes: that of the conductances, at least float32."""
        return torch.promote_types(self.weight.dtype, torch.float32) if self.training else self.array.precision

    def shape_weight(self, matrix: Tensor) -> Tensor:
        """Give a matrix (outputs, inputs per group) the shape of a weight, whatever the number of outputs."""
        shape = self.weight.shape[1:] if self._dropped_shape is None else self._dropped_shape
        return matrix.reshape(len(matrix), *shape)

    @abstractmethod
    def check_input(self, x: Tensor) -> None:
        """Raise unless `x` has the size that the layer expects."""

    def per_output(self, values: Tensor) -> Tensor:
        """Give values, () or (outputs,), a shape that broadcasts to the layer's output."""
        return values.reshape(-1, *(1,) * (self.vector_dimensions - 1))
