"""Per-output scale and offset in closed form."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from calibration.support.batches import checked_batches, require_batches, training_modes_kept
from calibration.support.distributed import summed, unwrapped
from crossbar.batches import call_model
from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.layers import AbstractAnalogLayer
from crossbar.twins import digital_twin
from devices.arguments import checked


@checked
@torch.no_grad()
def fit_output_affine(
    model: nn.Module, reference: nn.Module, batches: Iterable[Any], *, progress: bool = False
) -> None:
    """Give every output of the analog layers the scale and offset that bring it closest to the digital model.

    Least squares, in closed form, of each analog layer's outputs against those of the layer of the same name in the
    digital twin (the per-column affine of Rasch et al., Nature Communications 14, 5282 (2023), without training). No
    labels and no batch norm are needed. One pass: the fit of a layer is renewed with each batch before the layers behind
    read it, so they are fitted to corrected inputs. It replaces an earlier fit, is saved with the model, and is dropped
    when the chip is programmed anew.

    Parameters
    ----------
    model
        A programmed analog model.
    reference
        The digital model that it was converted from (for adapters of one's own, its `crossbar.digital_twin`).
    batches
        Inputs: tensors, tuples whose first item is the input, or mappings.
    progress
        Show a progress bar (needs tqdm).

    Raises
    ------
    ValueError
        If `reference` lacks a layer, or `batches` is empty.
    """
    model, reference = unwrapped(model), unwrapped(reference)
    analog_layers(model)
    reference = digital_twin(reference)
    digital = dict(reference.named_modules())
    fits = {name: _Fit(layer=layer) for name, layer in named_analog_layers(model)}
    missing = [name for name in fits if not isinstance(digital.get(name), fits[name].layer.digital_class)]
    if missing:
        raise ValueError(f"`reference` must be the digital model with the layers of `model`. It lacks {missing}.")
    before = {name: (fit.affine.scale, fit.affine.offset) for name, fit in fits.items()}
    count = 0
    try:
        with ExitStack() as stack:
            for either in (model, reference):
                stack.enter_context(training_modes_kept(either))
                either.eval()
            stack.enter_context(_watching(fits, digital))
            for batch in checked_batches(batches, progress=progress, description="output affine"):
                call_model(reference, batch)
                call_model(model, batch)
                count += 1
        require_batches(count)
    except BaseException:
        for name, fit in fits.items():
            fit.affine.scale, fit.affine.offset = before[name]
        raise
    for fit in fits.values():
        fit.solve(over_processes=True)


@dataclass(kw_only=True, eq=False)
class _Fit:
    """Sums of one layer's least squares, per output, in float64: count, a, d, a a, a d (a analog, d digital)."""

    layer: AbstractAnalogLayer
    wanted: list[Tensor] | None = None
    sums: Tensor | None = None

    @property
    def affine(self) -> Any:
        """The correction that is fitted."""
        return self.layer.array.corrections["output_affine"]

    def expect(self, output: Tensor) -> None:
        """Remember the digital output of this batch; a layer may be used several times."""
        self.wanted = [*(self.wanted or []), output]

    def add(self, output: Tensor, x: Tensor) -> Tensor:
        """Count an analog output without correction, renew the fit, and return the corrected output."""
        if not self.wanted:
            raise ValueError("`reference` must run the layers of `model` as often as `model` does.")
        # The correction acts on what the arrays give: bias and digital paths beside them are no part of the fit.
        beside = self.layer.array.corrections.side_output(x, self.layer, training=False)
        rest = [part for part in (self.layer.bias_view(), beside) if part is not None]
        arrays = output - sum(rest) if rest else output
        wanted = self.wanted.pop(0).to(output.device)
        a, d = self._by_output(arrays), self._by_output(wanted - sum(rest) if rest else wanted)
        number = torch.full_like(a[:, 0], a.shape[1])
        new = torch.stack([number, a.sum(1), d.sum(1), a.square().sum(1), (a * d).sum(1)])
        self.sums = new if self.sums is None else self.sums + new
        self.solve()
        scale, offset = (self.layer.per_output(value) for value in (self.affine.scale, self.affine.offset))
        corrected = arrays * scale + offset
        return corrected + sum(rest) if rest else corrected

    def solve(self, *, over_processes: bool = False) -> None:
        """Set scale and offset from the sums; an output that does not vary keeps its scale."""
        if self.sums is None:
            return
        number, a, d, aa, ad = summed(self.sums) if over_processes else self.sums
        variance = aa / number - (a / number) ** 2
        covariance = ad / number - a * d / number**2
        varies = variance > 1e-10 * aa / number
        scale = torch.where(varies, covariance / variance, 1)
        weight = self.layer.weight
        self.affine.scale = scale.to(weight.dtype)
        self.affine.offset = ((d - scale * a) / number).to(weight.dtype)

    def _by_output(self, output: Tensor) -> Tensor:
        """Return outputs as (outputs, values), float64."""
        outputs = output.movedim(-self.layer.vector_dimensions, 0)
        return outputs.reshape(len(outputs), -1).double()


@contextmanager
def _watching(fits: dict[str, _Fit], digital: dict[str, nn.Module]) -> Iterator[None]:
    """Show digital and analog outputs to the fits; analog layers give corrected outputs meanwhile."""
    by_module = {fit.layer: fit for fit in fits.values()} | {digital[name]: fit for name, fit in fits.items()}

    def remember(module: nn.Module, arguments: Any, output: Tensor) -> None:
        """Keep a digital output."""
        by_module[module].expect(output)

    def uncorrect(module: nn.Module, arguments: Any) -> None:
        """Read without the correction of earlier batches."""
        by_module[module].affine.clear()

    def correct(module: nn.Module, arguments: Any, output: Tensor) -> Tensor:
        """Renew the fit and hand on corrected outputs."""
        return by_module[module].add(output, arguments[0])

    handles = []
    for name, fit in fits.items():
        handles.append(digital[name].register_forward_hook(remember))
        handles.append(fit.layer.register_forward_pre_hook(uncorrect))
        handles.append(fit.layer.register_forward_hook(cast(Any, correct)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
