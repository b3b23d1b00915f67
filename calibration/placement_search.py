"""Which layers stay digital within an accuracy budget, layer by layer (LionHeart, Lammie et al., IEEE TETC 2025)."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from calibration.support.seeded_score import seeded_score
from crossbar.adapters import Adapters
from crossbar.batches import batch_size
from crossbar.classification import ClassScore
from crossbar.config import CrossbarConfig
from crossbar.conversion import Overrides, convert_to_analog, named_analog_layers
from crossbar.lifecycle import drift_analog_weights, program_analog_weights
from crossbar.mapping_report import reads_per_inference
from crossbar.progress import progress_bar
from crossbar.twins import digital_twin
from devices.arguments import checked
from devices.validation import check_nonnegative


@dataclass(frozen=True, kw_only=True)
class PlacementResult:
    """What a search found.

    Parameters
    ----------
    overrides
        For `convert_to_analog(model, config, overrides=...)`: those given, and None for every layer that stays digital.
    analog
        Layers that are analog, in the order in which they became so.
    analog_share
        Share of the multiply-adds, of all layers that may be analog, that are.
    multiply_adds
        Multiply-adds of each layer that may be analog, per inference.
    sensitivity
        What each layer costs when it alone is analog: mean probability of the right answer that is lost.
    accuracy
        Share of correct answers with this placement, on the images that it was chosen with.
    reference
        That of the digital model.
    held_out_accuracy
        Share of correct answers with this placement, on images that no choice has seen.
    held_out_reference
        That of the digital model.
    trials
        Placements whose accuracy was asked for.
    """

    overrides: dict[str, CrossbarConfig | None]
    analog: tuple[str, ...]
    analog_share: float
    multiply_adds: dict[str, int]
    sensitivity: dict[str, float]
    accuracy: float
    reference: float
    held_out_accuracy: float
    held_out_reference: float
    trials: int


@checked
def search_placement(
    model: nn.Module,
    config: CrossbarConfig,
    batches: Iterable[Any],
    budget: float = 0.01,
    *,
    held_out: Iterable[Any] | None = None,
    overrides: Overrides | None = None,
    adapters: Adapters | None = None,
    t: float = 0.0,
    prepare: Callable[[nn.Module], object] | None = None,
    seed: int = 0,
    progress: bool = False,
) -> PlacementResult:
    """Find the layers that can be analog while the accuracy stays within a budget; the others stay digital.

    If the whole model may be analog, it is. Else every layer is tried alone, and they become analog one by one, the one
    that costs least per multiply-add first; one with which the model falls below the budget stays digital. LionHeart
    takes the layers by their multiply-adds alone. Both the share of correct answers and the mean probability of the
    right one must stay within the budget, which makes many trials less prone to luck; `held_out_accuracy` says what is
    left of it on other images.

    Every layer keeps one chip through all trials. The search is deterministic and leaves `model` as it is.

    Parameters
    ----------
    model
        A digital model.
    config
        Technology of the analog layers.
    batches
        Labelled batches, tuples (input, label) or mappings.
    budget
        What may be lost of either share against the digital model.
    held_out
        Labelled batches for the final evaluation. Default: every second one of `batches`, which the search then does not
        see.
    overrides, adapters
        As for `convert_to_analog`; a layer with the override None stays digital in any case.
    t
        Seconds since programming at which the accuracy is asked for.
    prepare
        Called with the model on its chip, all layers analog, after programming and drift: to calibrate ranges, compensate
        drift or fit other corrections that stay with the layers.
    seed
        Seed of the chip and of its read noise.
    progress
        Show a progress bar (needs tqdm).

    Returns
    -------
    PlacementResult
        Its `overrides` make the placement; a model of which nothing can be analog has none left to convert.

    Raises
    ------
    ValueError
        If no layer can be analog, `model` is itself a single layer, or there are too few labelled batches.
    """
    check_nonnegative("budget", budget)
    check_nonnegative("t", t, hint="It is in seconds since programming.")
    chosen, kept = _split(list(batches), None if held_out is None else list(held_out))
    chip = convert_to_analog(model, config, overrides=overrides, adapters=adapters).eval()
    program_analog_weights(chip, generator=torch.Generator().manual_seed(seed))
    drift_analog_weights(chip, t)
    if prepare is not None:
        prepare(chip)
    search = _Search(chip, seed)
    with ExitStack() as stack:
        if progress:
            search.tried = stack.enter_context(progress_bar(description="placement search", unit=" trials")).update
        search.run(chosen, budget)
        held = [search.score(kept, analog) for analog in ((), search.analog)]
    given = dict(overrides or {})
    total = sum(search.multiply_adds.values())
    return PlacementResult(
        overrides=given | {name: None for name in search.layers if name not in search.analog},
        analog=search.analog,
        analog_share=sum(search.multiply_adds[name] for name in search.analog) / total if total else 0.0,
        multiply_adds=search.multiply_adds,
        sensitivity=search.sensitivity,
        accuracy=search.found.accuracy,
        reference=search.reference.accuracy,
        held_out_accuracy=held[1].accuracy,
        held_out_reference=held[0].accuracy,
        trials=search.trials,
    )


class _Search:
    """A model whose layers are digital or on the chip, as each trial asks."""

    def __init__(self, chip: nn.Module, seed: int) -> None:
        self.layers: dict[str, nn.Module] = dict(named_analog_layers(chip))
        if "" in self.layers:
            raise ValueError("`model` must hold layers to choose from. Got a single one.")
        self.chip, self.seed, self.trials = chip, seed, 0
        self.mixed = digital_twin(chip).eval()
        self.digital = {name: self.mixed.get_submodule(name) for name in self.layers}
        inside = [(parent, key, child) for parent in self.mixed.modules() for key, child in parent._modules.items()]
        self.places = {
            name: [(parent, key) for parent, key, child in inside if child is own] for name, own in self.digital.items()
        }
        self.multiply_adds: dict[str, int] = {}
        self.sensitivity: dict[str, float] = {}
        self.analog: tuple[str, ...] = ()
        self.reference = self.found = ClassScore(0.0, 0.0)
        self.tried: Callable[[], object] = lambda: None

    def score(self, batches: list[Any], analog: Iterable[str]) -> ClassScore:
        """Return the score with the named layers analog."""
        analog = set(analog)
        for name, places in self.places.items():
            layer = self.layers[name] if name in analog else self.digital[name]
            for parent, key in places:
                parent._modules[key] = layer
        self.trials += 1
        self.tried()
        return seeded_score(self.mixed, batches, self.seed)

    def run(self, batches: list[Any], budget: float) -> None:
        """Choose the analog layers."""
        reads = reads_per_inference(self.chip, batches[0], batch_size(batches[0]))
        sizes = {name: layer.array.effective_weight.numel() for name, layer in named_analog_layers(self.chip)}
        self.multiply_adds = {name: reads[name] * size for name, size in sizes.items()}
        self.reference = self.found = self.score(batches, ())
        for name in self.layers:
            self.sensitivity[name] = self.reference.confidence - self.score(batches, [name]).confidence
        if self._accept(batches, tuple(self.layers), budget):
            return
        for name in sorted(self.layers, key=self._cost):
            self._accept(batches, (*self.analog, name), budget)

    def _cost(self, name: str) -> float:
        """Return what a layer loses per multiply-add."""
        return self.sensitivity[name] / max(1, self.multiply_adds[name])

    def _accept(self, batches: list[Any], analog: tuple[str, ...], budget: float) -> bool:
        """Try a placement and keep it where nothing is lost beyond the budget."""
        found = self.score(batches, analog)
        lost = max(a - b for a, b in zip(self.reference, found, strict=True))
        if lost > budget:
            return False
        self.analog, self.found = analog, found
        return True


def _split(batches: list[Any], held_out: list[Any] | None) -> tuple[list[Any], list[Any]]:
    """Return the batches to choose with and those to evaluate with."""
    if held_out is None and len(batches) > 1:
        return batches[::2], batches[1::2]
    if held_out and batches:
        return batches, held_out
    raise ValueError(
        f"`batches` must hold at least two batches, of which every second one is held out, or `held_out` others. Got "
        f"{len(batches)} and {'none' if held_out is None else len(held_out)}. Use smaller batches."
    )
