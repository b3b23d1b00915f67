import pytest
import torch

from crossbar.parasitics import attenuation, output_noise_variance, transfer_matrix
from devices import Wires
from tests.crossbar.parasitics.wire_arrays import random_array

DRAWS = 2000


def monte_carlo(conductance, voltages, wires, sigma):
    """Standard deviation `(cols,)` of the currents, each draw solved exactly; good to 1 / sqrt(2 DRAWS) = 1.6 %."""
    noise = torch.randn(DRAWS, *conductance.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return (voltages @ transfer_matrix(conductance * (1 + sigma * noise), wires)).std(0)


@pytest.mark.parametrize(("ohms", "excess"), [(0.0, 0.0), (1.0, 0.01), (20.0, 0.15)])
def test_monte_carlo(ohms, excess):
    conductance, sigma = random_array(32, 16, seed=2), 0.05
    wires = Wires(row=ohms, column=ohms, driver=10 * ohms, sense=10 * ohms)
    voltages = torch.rand(32, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.2
    variance = (sigma * conductance) ** 2
    estimate = output_noise_variance(voltages, variance, conductance, transfer_matrix(conductance, wires)).sqrt()
    ratio = estimate / monte_carlo(conductance, voltages, wires, sigma)
    coupling = float(wires.coupling(conductance))
    assert excess <= 0.01 or coupling > 0.05
    noise = 4 / (2 * DRAWS) ** 0.5
    assert float(ratio.min()) > 1 - noise
    assert float(ratio.max()) < 1 + excess + noise


def test_open_cells_and_shapes():
    conductance = random_array(5, 4, batch=(2,), open_share=0.4)
    share = attenuation(conductance, transfer_matrix(conductance, Wires(row=5.0, column=5.0)))
    assert bool((share > 0).all())  # a cell that is off carries no current, but its noise would
    assert bool((share <= 1).all())
    with pytest.raises(ValueError, match="`transfer` must have the shape"):
        attenuation(conductance, conductance[0])
    with pytest.raises(ValueError, match="`variance` must have the shape"):
        output_noise_variance(torch.ones(5), torch.ones(4), conductance, conductance)


@pytest.mark.parametrize(
    ("wires", "size", "bound", "on_dead_lines"),
    [
        (Wires(), 24, 0.0, 0.0),
        (Wires(row=5, column=10, driver=1e3, sense=1e3), 16, 0.08, 0.12),
        (Wires(row=5, column=10), 64, 0.10, 0.12),
        (Wires(row=5, column=10, driver=1e3, sense=1e3), 64, 0.14, 0.33),
    ],
)
def test_cells_that_are_off_or_nearly_are_seen_as_their_lines_show_them(wires, size, bound, on_dead_lines):
    """Against the exact derivative of each cell's own entry; T / G of the nearly open ones was up to 380."""
    random = torch.Generator().manual_seed(0)
    conductance = torch.rand(size, size, dtype=torch.float64, generator=random) * 2e-5
    kind = torch.rand(size, size, generator=random)
    conductance[kind < 0.3] = 0
    conductance[(kind > 0.3) & (kind < 0.4)] *= 1e-3
    conductance[2] = conductance[:, 3] = 0
    share = attenuation(conductance, transfer_matrix(conductance, wires))
    dim = (conductance < 2e-8).nonzero()
    for i, j in dim[torch.randperm(len(dim), generator=random)[:25]].tolist():
        cells = conductance.clone().requires_grad_()
        exact = torch.autograd.grad(transfer_matrix(cells, wires)[i, j], cells)[0][i, j]
        assert float(share[i, j]) == pytest.approx(float(exact), rel=on_dead_lines if i == 2 or j == 3 else bound)


def test_an_array_without_current_lets_all_noise_through():
    off = torch.zeros(2, 3, 4)
    assert bool((attenuation(off, transfer_matrix(off, Wires(row=5.0, column=5.0))) == 1).all())
