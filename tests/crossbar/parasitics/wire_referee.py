"""Referee solutions: SuperLU with refinement, dense LAPACK, ngspice and badcrossbar agree on them to 1e-12."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from devices import Wires

PATH = Path(__file__).parents[2] / "reference" / "parasitics.npz"
LINEAR_CASES = (
    "u8x8_20_5",
    "u1x16_5_1",
    "u16x1_1_5",
    "u32x48_1_5",
    "u32x48_1_1_src50_sns30",
    "open16x16_20_20",
    "bin64x64_1_1",
)
SINH_CASES = ("sinh8x8_20_5",)


@dataclass(frozen=True)
class Case:
    """One referee array: tensors by name, and its wires."""

    wires: Wires
    tensors: dict[str, Tensor]

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]


@cache
def load(name: str) -> Case:
    with np.load(PATH) as archive:
        keys = [key for key in archive.files if key.startswith(f"{name}/")]
        tensors = {key.split("/")[1]: torch.from_numpy(archive[key]) for key in keys}
    row, column, driver, sense = tensors.pop("wires").tolist()
    return Case(Wires(row=row, column=column, driver=driver, sense=sense), tensors)


def relative_error(currents: Tensor, referee: Tensor) -> float:
    """Largest error relative to each input's largest current; `(inputs, cols)`."""
    scale = referee.abs().amax(-1, keepdim=True)
    return float(((currents.double() - referee).abs() / scale).max())
