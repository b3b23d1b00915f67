"""Random arrays, and badcrossbar as a referee for them."""

import sys
import types

import pytest
import torch
from torch import Tensor

from devices import Wires


def random_array(
    rows: int, cols: int, *, seed: int = 0, batch: tuple[int, ...] = (), open_share: float = 0.0
) -> Tensor:
    """Conductances `(*batch, rows, cols)` of resistances uniform in 10 kohm - 1 Mohm, some cells open; float64."""
    generator = torch.Generator().manual_seed(seed)
    resistance = torch.rand(*batch, rows, cols, generator=generator, dtype=torch.float64) * 0.99e6 + 1e4
    is_open = torch.rand(*batch, rows, cols, generator=generator) < open_share
    return (1 / resistance).masked_fill(is_open, 0)


def badcrossbar_currents(conductance: Tensor, voltages: Tensor, wires: Wires) -> Tensor:
    """Output currents `(inputs, cols)` by badcrossbar, skipping the test where it is absent."""
    stub = types.ModuleType("cairo")  # it only draws with it
    for name in ("Context", "PDFSurface", "PSSurface", "SVGSurface", "Surface"):
        setattr(stub, name, object)
    sys.modules.setdefault("cairo", stub)
    badcrossbar = pytest.importorskip("badcrossbar", reason="badcrossbar, the peer to compare with, is not installed")
    solution = badcrossbar.compute(
        voltages.T.numpy(),
        (1 / conductance).numpy(),
        r_i_word_line=wires.row,
        r_i_bit_line=wires.column,
        node_voltages=False,
        all_currents=False,
    )
    return torch.from_numpy(solution.currents.output).reshape(voltages.shape[0], -1)
