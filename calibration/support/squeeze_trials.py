"""The memory of a squeeze search, in a file where wanted."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from calibration.support.batches import model_input
from crossbar.conversion import named_analog_layers
from crossbar.serialization import config_to_json


class Score(NamedTuple):
    """How well a model answers."""

    accuracy: float
    """Share of correct answers."""
    confidence: float
    """Mean probability (softmax) of the right answer, which moves less by chance."""


class SqueezeTrials:
    """Scores by squeezed planes; written whole after every trial, so that a search can be interrupted anywhere.

    Parameters
    ----------
    model, batches, seed
        What the scores belong to.
    path
        JSON file; None keeps them in memory.

    Raises
    ------
    ValueError
        If the file belongs to another model, other batches or another seed, or is damaged.
    """

    def __init__(self, model: nn.Module, batches: Iterable[Any], *, seed: int, path: str | Path | None) -> None:
        """Open the memory, with what its file holds already."""
        self._path = None if path is None else Path(path)
        self._found: dict[str, Score] = {}
        if self._path is None:
            return
        self._identity = _identity(model, batches, seed)
        if self._path.exists():
            self._found = self._read(self._path)

    def get(self, planes: dict[str, int]) -> Score | None:
        """Return a stored score, or None."""
        return self._found.get(_key(planes))

    def put(self, planes: dict[str, int], score: Score) -> Score:
        """Store a score and return it."""
        self._found[_key(planes)] = score
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            scratch = self._path.with_name(self._path.name + ".part")
            scratch.write_text(json.dumps({"search": self._identity, "trials": self._found}, indent=1))
            os.replace(scratch, self._path)
        return score

    def _read(self, path: Path) -> dict[str, Score]:
        try:
            stored = json.loads(path.read_text())
            identity, trials = stored["search"], stored["trials"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"`path` {path} is no file of a squeeze search ({error!r}). Name another one.") from error
        if identity != self._identity:
            raise ValueError(
                f"`path` {path} keeps the trials of a search with another model, other batches or another seed. Name "
                "another file, or delete it."
            )
        return {str(key): Score(*map(float, score)) for key, score in trials.items()}


def _key(planes: dict[str, int]) -> str:
    return json.dumps(planes, sort_keys=True)


def _identity(model: nn.Module, batches: Iterable[Any], seed: int) -> str:
    """Return a digest of everything that a score depends on, except the squeezed planes."""
    digest = hashlib.sha256(str(seed).encode())
    chips = []
    for name, layer in named_analog_layers(model):
        config = layer.array.config
        plain = replace(config, mapping=replace(config.mapping, squeezed_planes=0))
        digest.update(f"{name} {config_to_json(plain)}".encode())
        chips.append(f"{name}.array." if name else "array.")
    for name, tensor in model.state_dict().items():
        if not name.startswith(tuple(chips)) or name.endswith("input_range"):
            _add(digest, tensor)
    for batch in batches:
        _add(digest, model_input(batch))
        _add(digest, batch[1])
    return digest.hexdigest()


def _add(digest: Any, tensor: Tensor) -> None:
    digest.update(str((tuple(tensor.shape), tensor.dtype)).encode())
    digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
