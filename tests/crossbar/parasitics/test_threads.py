"""The same numbers with any number of threads."""

import pytest
import torch

from crossbar.parasitics import transfer_matrix
from crossbar.parasitics.linear_solve import solve, symmetric_inverse
from devices import Wires


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("size", [1, 40, 96, 97, 200])
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 2)])
def test_batches_of_large_systems(two_threads, size, batch):
    generator = torch.Generator().manual_seed(0)
    weak = torch.rand(*batch, size, size, generator=generator, dtype=torch.float64)
    weak = weak + weak.mT
    matrix = torch.diag_embed(1.1 * weak.sum(-1) + 1) - weak
    right = torch.rand(*batch, size, 7, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(matrix @ solve(matrix, right), right)
    torch.testing.assert_close(
        matrix @ symmetric_inverse(matrix), torch.eye(size, dtype=torch.float64).expand_as(matrix)
    )


@pytest.mark.parametrize("shape", [(384, 400), (2, 160, 200)])
@pytest.mark.parametrize(
    "wires", [Wires(row=10.0, column=10.0), Wires(column=10.0, driver=100.0)], ids=["wires", "perfect rows"]
)
def test_transfer_matrices(two_threads, shape, wires):
    generator = torch.Generator().manual_seed(0)
    conductance = 1 / (1e4 + 1e6 * torch.rand(*shape, generator=generator, dtype=torch.float64))
    both = transfer_matrix(conductance, wires)
    torch.set_num_threads(1)
    torch.testing.assert_close(both, transfer_matrix(conductance, wires), rtol=1e-10, atol=0)
