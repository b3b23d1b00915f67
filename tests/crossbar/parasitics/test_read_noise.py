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
    assert bool((share[conductance == 0] == 0).all())
    assert bool((share <= 1).all())
    with pytest.raises(ValueError, match="`transfer` must have the shape"):
        attenuation(conductance, conductance[0])
    with pytest.raises(ValueError, match="`variance` must have the shape"):
        output_noise_variance(torch.ones(5), torch.ones(4), conductance, conductance)
