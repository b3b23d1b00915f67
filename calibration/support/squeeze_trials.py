"""The memory of a squeeze search, in a file where wanted."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from crossbar.atomic_file import write_atomically
from crossbar.batches import model_input, model_target
from crossbar.classification import ClassScore
from crossbar.conversion import named_analog_layers
from crossbar.serialization import config_to_json


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
        self._found: dict[str, ClassScore] = {}
        if self._path is None:
            return
        self._identity = _identity(model, batches, seed)
        if self._path.exists():
            self._found = self._read(self._path)

    def get(self, planes: dict[str, int]) -> ClassScore | None:
        """Return a stored score, or None."""
        return self._found.get(_key(planes))

    def put(self, planes: dict[str, int], score: ClassScore) -> ClassScore:
        """Store a score and return it."""
        self._found[_key(planes)] = score
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"search": self._identity, "trials": self._found}, indent=1)
            write_atomically(self._path, lambda partial: partial.write_text(text))
        return score

    def _read(self, path: Path) -> dict[str, ClassScore]:
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
        return {str(key): ClassScore(*map(float, score)) for key, score in trials.items()}


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
        if not name.startswith(tuple(chips)) or "static_range" in name:
            _add(digest, tensor)
    for batch in batches:
        for value in (model_input(batch), model_target(batch)):
            for tensor in value.values() if isinstance(value, Mapping) else (value,):
                _add(digest, tensor)
    return digest.hexdigest()


def _add(digest: Any, tensor: Tensor) -> None:
    digest.update(str((tuple(tensor.shape), tensor.dtype)).encode())
    digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
