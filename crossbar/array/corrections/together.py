"""All corrections of one layer."""

from collections.abc import Iterator, Mapping
from typing import final

import torch
from torch import Tensor, nn

from crossbar.array.corrections.base import AbstractCorrection
from crossbar.array.wiring import Wiring

_STAGES = ("input_range", "converter_steps", "array_gain", "output_gain", "output_offset", "side_path")


@final
class Corrections(nn.Module):
    """The corrections of a layer by name: `array.corrections["drift"]`; a factor of two is the product of both.

    Parameters
    ----------
    kinds
        Classes by name, as `CORRECTIONS`.
    """

    def __init__(self, kinds: Mapping[str, type[AbstractCorrection]]) -> None:
        super().__init__()
        for name, kind in kinds.items():
            self.add_module(name, kind())
        # Looked up once: a read asks at every stage.
        self._acting = {stage: [n for n, kind in kinds.items() if _overrides(kind, stage)] for stage in _STAGES}

    def __getitem__(self, name: str) -> AbstractCorrection:
        """Return a correction by name."""
        found = self._modules[name]
        if not isinstance(found, AbstractCorrection):
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[AbstractCorrection]:
        """Yield every correction, absent ones included."""
        return (module for module in self._modules.values() if isinstance(module, AbstractCorrection))

    def start_chip(self, outputs: int, conversions: tuple[int, ...]) -> None:
        """Drop what was fitted to the chip before, and what does not fit arrays of this size."""
        for correction in self:
            if correction.fitted_to_chip or not correction.fits(outputs, conversions):
                correction.clear()

    def input_range(self) -> Tensor | None:
        """Return the smallest and the largest input of a static range, (2,)."""
        return _first(correction.input_range() for correction in self._at("input_range"))

    def converter_steps(self) -> Tensor | None:
        """Return the current of one ADC code of each bit line [S x pulse units], (tiles, cols)."""
        return _first(correction.converter_steps() for correction in self._at("converter_steps"))

    def array_gain(self) -> Tensor | None:
        """Return the factor on all that the arrays give, () or (outputs,)."""
        product = None
        for correction in self._at("array_gain"):
            value = correction.array_gain()
            if value is not None:
                product = value if product is None else product * value
        return product

    def periphery(
        self, scale: Tensor, bias: Tensor | None, wiring: Wiring, *, training: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return what multiplies the outputs and what is then added, from the scale of the inputs and the bias."""
        for correction in self._at("output_gain", training=training):
            gain = correction.output_gain()
            scale = scale if gain is None else scale * wiring.per_output(gain)
        for correction in self._at("output_offset", training=training):
            value = correction.output_offset()
            if value is not None:
                offset = wiring.per_output(value)
                bias = offset if bias is None else bias + offset
        return scale, bias

    def side_output(self, x: Tensor, wiring: Wiring, *, training: bool) -> Tensor | None:
        """Return what the digital paths beside the arrays add, or None."""
        total = None
        for correction in self._at("side_path", training=training):
            beside = correction.side_path(x, wiring)
            if beside is not None:
                total = beside if total is None else total + beside
        return total

    def state(self) -> dict[str, Tensor]:
        """Return copies of every number, by name, for `restore`."""
        found = (*self.named_parameters(), *self.named_buffers())
        return {name: tensor.detach().clone() for name, tensor in found}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned; what was absent then is absent again."""
        for prefix, correction in self.named_children():
            for key in (*correction._buffers, *correction._parameters):
                value = state.get(f"{prefix}.{key}")
                is_parameter = key in correction._parameters and value is not None
                setattr(correction, key, nn.Parameter(value) if is_parameter and value is not None else value)

    def _at(self, stage: str, *, training: bool = False) -> list[AbstractCorrection]:
        """Return the corrections that have something to say at a stage."""
        found: list[AbstractCorrection] = []
        for name in self._acting[stage]:
            correction: AbstractCorrection = self._modules[name]  # type: ignore[assignment]
            if correction.present and (correction.in_training or not training):
                found.append(correction)
        return found


def _first(values: Iterator[Tensor | None]) -> Tensor | None:
    return next((value for value in values if value is not None), None)


def _overrides(kind: type[AbstractCorrection], stage: str) -> bool:
    return getattr(kind, stage) is not getattr(AbstractCorrection, stage)
