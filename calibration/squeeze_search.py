"""How far each layer can be squeezed within an accuracy budget (SME, arXiv 2103.01705, as reconstructed here)."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from calibration.support.batches import training_modes_kept
from calibration.support.seeded_score import seeded_score
from calibration.support.squeeze_trials import SqueezeTrials
from crossbar.batches import require_finite_input
from crossbar.classification import ClassScore
from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.progress import progress_bar
from crossbar.remapping import remap_analog_weights
from devices.arguments import checked
from devices.validation import check_nonnegative


@dataclass(frozen=True, kw_only=True)
class SqueezeResult:
    """What a search found.

    Parameters
    ----------
    planes
        Squeezed planes of each analog layer.
    crossbars
        Arrays that each analog layer then takes.
    accuracy
        Share of correct answers with these planes.
    reference
        Share of correct answers with nothing squeezed.
    trials
        Settings whose accuracy was asked for, stored ones included.
    """

    planes: dict[str, int]
    crossbars: dict[str, int]
    accuracy: float
    reference: float
    trials: int


@checked
def search_squeeze(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    budget: float = 0.003,
    seed: int = 0,
    path: str | Path | None = None,
    progress: bool = False,
) -> SqueezeResult:
    """Squeeze the layers of a converted model as far as the accuracy allows, and program it so.

    Greedy: all layers are squeezed alike, plane by plane, while the accuracy stays within the budget; then layer by
    layer, the one with most weights first, each by one more plane in turn, until none can go further. A layer whose
    trial fails is left where it is. The search is deterministic, and one that was interrupted goes on where it stopped.

    Both the share of correct answers and the mean probability of the right one must stay within the budget. The share
    alone lets luck add up over many trials: with 1000 images it lost 0.1 points on them and 1.1 on 5000 others
    (ResNet-20, uniform codes). A budget of 0.3 points needs several thousand images to mean what it says.

    Parameters
    ----------
    model
        A model from `convert_to_analog` with slicing "inter"; it ends up squeezed and programmed, with the chip of
        `seed`. The search begins at 0 planes, whatever its configs squeeze already.
    batches
        Labelled batches, tuples (input, label) or mappings, iterated once per trial; a list or a DataLoader,
        not a generator.
    budget
        What may be lost of either against the same model with nothing squeezed.
    seed
        Seed of the chips, the same for every trial, and of their read noise.
    path
        JSON file that keeps every trial. A search with the same model, batches and seed reads them from there, for
        whatever budget.
    progress
        Show a progress bar (needs tqdm).

    Raises
    ------
    ValueError
        If the model has no analog layer or one sliced within arrays, `batches` is empty or not finite, or `path`
        belongs to another search.
    """
    check_nonnegative("budget", budget)
    analog_layers(model)
    if iter(batches) is batches:
        raise TypeError("`batches` must be iterable many times, as a list or a DataLoader is. Got an iterator.")
    for batch in batches:
        require_finite_input(batch)
    with ExitStack() as stack:
        stack.enter_context(training_modes_kept(model))
        search = _Search(model, batches, seed, SqueezeTrials(model, batches, seed=seed, path=path))
        if progress:
            search.bar = stack.enter_context(progress_bar(description="squeeze search", unit=" trials"))
        reference = search.try_planes(dict.fromkeys(search.steps, 0))
        floor = ClassScore(reference.accuracy - budget, reference.confidence - budget)
        _squeeze_alike(search, floor)
        _squeeze_one_by_one(search, floor)
        search.program(search.planes)
    return SqueezeResult(
        planes=search.planes,
        crossbars=search.crossbars(),
        accuracy=search.score.accuracy,
        reference=reference.accuracy,
        trials=search.count,
    )


class _Search:
    """The settings tried so far and the best one."""

    def __init__(self, model: nn.Module, batches: Iterable[Any], seed: int, trials: SqueezeTrials) -> None:
        self.model, self.batches, self.seed, self.trials = model, batches, seed, trials
        self.layers = dict(named_analog_layers(model))
        within = [name for name, layer in self.layers.items() if layer.array.config.mapping.slicing != "inter"]
        if within:
            raise ValueError(f"`model` must be mapped with slicing='inter' to be squeezed. Got 'intra' in {within}.")
        self.steps = {name: layer.array.config.mapping.squeezable_planes() for name, layer in self.layers.items()}
        self.planes = dict.fromkeys(self.layers, 0)
        self.on_chip: dict[str, int] = {}
        self.score, self.count = ClassScore(0.0, 0.0), 0
        self.bar: Any = None

    def try_planes(self, planes: dict[str, int]) -> ClassScore:
        """Return the score with these planes."""
        self.count += 1
        found = self.trials.get(planes)
        if found is None:
            self.program(planes)
            found = self.trials.put(planes, seeded_score(self.model, self.batches, self.seed))
        if self.bar is not None:
            self.bar.set_postfix(planes=sum(planes.values()), accuracy=f"{found.accuracy:.4f}", refresh=False)
            self.bar.update()
        if not any(planes.values()):
            self.score = found
        return found

    def accept(self, planes: dict[str, int], floor: ClassScore) -> bool:
        """Try planes and keep them where nothing falls below `floor`."""
        score = self.try_planes(planes)
        if score.accuracy < floor.accuracy or score.confidence < floor.confidence:
            return False
        self.planes, self.score = planes, score
        return True

    def more(self, name: str) -> int | None:
        """Return the next number of planes that a layer can be squeezed by, or None."""
        return next((step for step in self.steps[name] if step > self.planes[name]), None)

    def program(self, planes: dict[str, int]) -> None:
        """Program the chip of the seed for every layer that is not as wanted yet."""
        for number, (name, layer) in enumerate(self.layers.items()):
            if self.on_chip.get(name) != planes[name]:
                mapping = replace(layer.array.config.mapping, squeezed_planes=planes[name])
                generator = torch.Generator().manual_seed(self.seed + number)
                remap_analog_weights(self.model, {name: mapping}, generator=generator)
                self.on_chip[name] = planes[name]

    def crossbars(self) -> dict[str, int]:
        """Return the arrays of every layer as it is programmed."""
        return {name: layer.array.placement.tiles for name, layer in self.layers.items()}


def _squeeze_alike(search: _Search, floor: ClassScore) -> None:
    """Squeeze one more plane out of every layer at once, as long as that goes well."""
    while any(search.more(name) is not None for name in search.layers):
        more = {name: search.more(name) for name in search.layers}
        if not search.accept({name: planes or search.planes[name] for name, planes in more.items()}, floor):
            return


def _squeeze_one_by_one(search: _Search, floor: ClassScore) -> None:
    """Squeeze one more plane out of single layers, in turn."""
    sizes = {name: layer.weight.numel() for name, layer in search.layers.items()}
    open_layers = sorted(search.layers, key=lambda name: -sizes[name])
    while open_layers:
        still_open = []
        for name in open_layers:
            planes = search.more(name)
            if planes is not None and search.accept({**search.planes, name: planes}, floor):
                still_open.append(name)
        open_layers = still_open
