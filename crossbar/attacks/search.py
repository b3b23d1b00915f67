"""The progressive bit search: flip by flip, the bit that hurts most."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
import xarray as xr
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.array.acting import act_as, acting_weights
from crossbar.attacks.bit_flip import BitFlip
from crossbar.attacks.changes import BitChanges, bit_changes
from crossbar.attacks.flip_cells import require_levels, write_flips
from crossbar.attacks.locate import locate_flips
from crossbar.attacks.objectives import Objective, cross_entropy
from crossbar.attacks.random_flips import flip_of
from crossbar.batches import call_model, model_device, model_target, moved
from crossbar.classification import classification_accuracy
from crossbar.conversion import analog_layers, named_analog_layers
from devices.arguments import checked
from devices.randomness import generator_of
from devices.validation import check_integer, check_probability


@checked
def progressive_bit_search(
    model: nn.Module,
    batch: Any,
    *,
    flips: int = 10,
    objective: Objective = cross_entropy,
    tried: int | None = None,
    validation: Iterable[Any] | None = None,
    until: float | None = None,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> xr.Dataset:
    """Flip the bits of a programmed chip that raise the loss of a batch most, one after the other, in place.

    BFA (Rakin, He and Fan, ICCV 2019, arXiv 1903.12269): at each step the gradient of the loss by the weights that the
    chip acts as says which bit of each layer would raise it most; these are tried, layer by layer, and the one with the
    largest loss stays flipped. Gradients and trials are those of the chip without converters, fresh noise and what wires
    take from the cell that flips; what stays flipped is written into its cell, and loss and accuracy are read.

    Parameters
    ----------
    model
        A programmed analog model, which is put into eval mode.
    batch
        Labelled batch that the attacker has, (input, target) or a mapping.
    flips
        Flips at the most.
    objective
        Number to raise, of (output, target): the cross-entropy, or `misclassify_as(...)`.
    tried
        Layers that are tried at each step, those of the largest predicted rise first; None: all.
    validation
        Labelled batches on which the accuracy is measured; None: on `batch`. Can be iterated again.
    until
        Accuracy below which to stop; None: never.
    generator
        Source of the programming errors of flipped cells.
    seed
        In place of `generator`: that of `torch.Generator().manual_seed(seed)`.

    Returns
    -------
    xr.Dataset
        Over `flip`: where each lies, as from `locate_flips`, the `change` of its weight, and the `objective` of the
        batch and the `accuracy` after it. Attributes: `objective` and `accuracy` before, and `stopped`: "flips",
        "until", or "no bit" where none would raise the objective.

    Raises
    ------
    ValueError
        If targets were compensated for the wires, so that cells hold no levels.
    RuntimeError
        If a layer is not programmed.
    """
    generator = generator_of(generator, seed)
    check_integer("flips", flips, at_least=1)
    if tried is not None:
        check_integer("tried", tried, at_least=1)
    if until is not None:
        check_probability("until", until)
    analog_layers(model)
    arrays = {name: layer.array for name, layer in named_analog_layers(model)}
    for name, array in arrays.items():
        array.require_programmed()
        require_levels(name, array)
    model.eval()
    search = _Search(model, arrays, batch, objective)
    judged = [batch] if validation is None else validation
    start = {"objective": search.value(), "accuracy": classification_accuracy(model, judged)}
    found: list[BitFlip] = []
    rows: list[dict[str, float]] = []
    stopped = "flips"
    while len(found) < flips:
        best = search.most_harmful(tried)
        if best is None:
            stopped = "no bit"
            break
        found.append(search.flip(best, generator))
        rows.append(
            {
                "change": best.change,
                "objective": search.value(),
                "accuracy": classification_accuracy(model, judged),
            }
        )
        if until is not None and rows[-1]["accuracy"] < until:
            stopped = "until"
            break
    texts = {"change": "change of the weight", "objective": "objective after it", "accuracy": "accuracy after it"}
    record = locate_flips(model, found).assign(
        {name: ("flip", [row[name] for row in rows], {"long_name": text}) for name, text in texts.items()}
    )
    return record.assign_attrs(**start, stopped=stopped)


@dataclass(frozen=True)
class _Candidate:
    layer: str
    place: int
    """Place among the changes of the layer."""
    predicted: float
    change: float
    output: int
    input: int


class _Search:
    """What stays the same from flip to flip, and what each flip changes."""

    def __init__(
        self, model: nn.Module, arrays: dict[str, CrossbarArray], batch: Any, objective: Callable[[Any, Any], Tensor]
    ) -> None:
        self.model, self.arrays, self.batch, self.objective = model, arrays, batch, objective
        self.target = moved(model_target(batch), model_device(model))
        self.changes: dict[str, BitChanges] = {name: bit_changes(array) for name, array in arrays.items()}
        self.open = {name: torch.ones_like(found.cell, dtype=torch.bool) for name, found in self.changes.items()}

    def value(self) -> float:
        """Return the objective of the batch as the chip is read."""
        with torch.no_grad():
            return float(self._objective())

    def most_harmful(self, tried: int | None) -> _Candidate | None:
        """Return the bit that raises the objective most among the best ones of the layers, None if none would."""
        with acting_weights(self.arrays.values()):
            weights = {name: array.effective_weight.detach().clone() for name, array in self.arrays.items()}
            for name, array in self.arrays.items():
                act_as(array, weights[name].requires_grad_())
            with torch.enable_grad():
                gradients = torch.autograd.grad(self._objective(), list(weights.values()))
            found = [self._best_of(name, gradient) for name, gradient in zip(weights, gradients, strict=True)]
            candidates = sorted((c for c in found if c is not None), key=lambda c: -c.predicted)[:tried]
            values = [self._try(candidate, weights[candidate.layer]) for candidate in candidates]
        return candidates[max(range(len(values)), key=values.__getitem__)] if values else None

    def flip(self, candidate: _Candidate, generator: torch.Generator | None) -> BitFlip:
        """Write a flip into its cell."""
        name = candidate.layer
        array = self.arrays[name]
        flip = flip_of(name, array.placement, self.changes[name], candidate.place)
        write_flips(array, [flip], generator=generator)
        self.open[name][candidate.place] = False
        self.changes[name] = bit_changes(array)
        return flip

    def _objective(self) -> Tensor:
        return self.objective(call_model(self.model, self.batch), self.target)

    def _best_of(self, name: str, gradient: Tensor) -> _Candidate | None:
        """Return the bit of a layer with the largest predicted rise, if any is predicted to raise it."""
        changes = self.changes[name]
        predicted = (gradient[changes.output, changes.input] * changes.change).masked_fill(~self.open[name], -1)
        if not len(predicted) or float(predicted.max()) <= 0:
            return None
        place = int(predicted.argmax())
        return _Candidate(
            layer=name,
            place=place,
            predicted=float(predicted[place]),
            change=float(changes.change[place]),
            output=int(changes.output[place]),
            input=int(changes.input[place]),
        )

    @torch.no_grad()
    def _try(self, candidate: _Candidate, weight: Tensor) -> float:
        """Return the objective with a weight changed."""
        place = (candidate.output, candidate.input)
        before = weight[place].clone()
        weight[place] += candidate.change
        value = float(self._objective())
        weight[place] = before
        return value
