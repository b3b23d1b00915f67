"""Modules with several weight matrices, rebuilt around one layer per matrix."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from torch import Tensor, nn

from crossbar.config import CrossbarConfig
from crossbar.layers.linear import AnalogLinear
from crossbar.layers.origin import restored, stand_in


class AbstractComposite(nn.Module, ABC):
    """A module of `torch.nn` with a layer of its own for each of its weight matrices.

    Arguments, results and parameters are those of the module. Which kind of layer holds a matrix is left open: `nn.Linear`
    gives the digital twin, `AnalogLinear` the module on crossbars, and both may be mixed.
    """

    digital_classes: ClassVar[tuple[type[nn.Module], ...]]
    """The modules that this one stands for."""

    @abstractmethod
    def hold(self, module: nn.Module) -> None:
        """Take over settings and parameters of `module`, with an `nn.Linear` for each matrix."""

    @classmethod
    def from_digital(cls, module: nn.Module, config: CrossbarConfig | None = None) -> Self:
        """Return `module` rebuilt around its matrices: analog ones of `config`, or digital ones without it.

        Raises
        ------
        TypeError
            If `module` is no module that this one stands for.
        """
        if not isinstance(module, cls.digital_classes):
            kinds = ", ".join(f"nn.{kind.__name__}" for kind in cls.digital_classes)
            raise TypeError(f"`module` must be {kinds}. Got {type(module).__name__}.")
        composite = cls()
        composite.hold(module)
        if config is not None:
            for parent in list(composite.modules()):
                for name, child in list(parent.named_children()):
                    if isinstance(child, nn.Linear):
                        setattr(parent, name, AnalogLinear.from_digital(child, config))
        stand_in(composite, module)
        return composite

    def to_digital(self) -> nn.Module:
        """Return the module that this one stands for, with the ideal weights, shared."""
        return restored(self)


def linear_of(weight: nn.Parameter, bias: nn.Parameter | Tensor | None = None) -> nn.Linear:
    """Return an `nn.Linear` with these parameters."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.register_parameter("weight", weight)
    layer.register_parameter("bias", bias)  # type: ignore[arg-type]
    return layer
