"""Layers of spikingjelly that run over time: its steps are folded into the batch."""

from collections.abc import Sized
from typing import Any, cast, final

from torch import Tensor, nn

from crossbar.layers import ANALOG_LAYERS
from crossbar.layers.composite import AbstractComposite
from crossbar.layers.origin import origin_of, view_of


@final
class MultiStep(AbstractComposite):
    """A convolution of `spikingjelly.activation_based.layer` around the plain one, `layer`, that does its product.

    In step mode "m" its input is (time, batch, ...), in "s" (batch, ...), as in the library, whose `set_step_mode` works
    on it. Its linear layer needs no adapter: any number of dimensions may precede the features.
    """

    digital_classes = (nn.Module,)
    names = tuple(
        f"spikingjelly.activation_based.layer.{part}{kind}{dimensions}d"
        for part in ("", "stateless_wrapper.")
        for kind in ("Conv", "ConvTranspose")
        for dimensions in (1, 2, 3)
    )
    """Full names of the layers in versions 0.0 and 2.0 of the library."""

    def hold(self, module: nn.Module) -> None:
        """Take over a layer, seen as the layer of `torch.nn` that it is a subclass of."""
        plain = next(cls for cls in type(module).__mro__ if cls in ANALOG_LAYERS)
        self.layer = view_of(module, plain)

    @property
    def step_mode(self) -> str:
        """Whether the input has a dimension of time, "m", or not, "s"."""
        return cast(str, self._digital.step_mode)

    @step_mode.setter
    def step_mode(self, mode: str) -> None:
        self._digital.step_mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """Run one step, (batch, ...), or all of them at once, (time, batch, ...).

        Raises
        ------
        ValueError
            If `x` has no dimension of time in step mode "m".
        """
        if self.step_mode == "s":
            return cast(Tensor, self.layer(x))
        dimensions = len(cast(Sized, self.layer.kernel_size)) + 3
        if x.ndim != dimensions:
            raise ValueError(f"`x` must be (time, batch, ...), {dimensions} dimensions. Got shape {tuple(x.shape)}.")
        return cast(Tensor, self.layer(x.flatten(0, 1)).unflatten(0, x.shape[:2]))

    @property
    def _digital(self) -> Any:
        origin = origin_of(self)
        return self.layer if origin is None else origin.module
