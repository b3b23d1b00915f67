"""Noise of cells behind wires, against exact derivatives of the circuit and against draws that are solved."""

import pytest
import torch

from crossbar.parasitics import noise_response, noise_share, transfer_matrix
from devices import Wires

SIGMA = 0.05
WIRES = {
    "weak": (32, Wires(row=1.0, column=2.0, driver=200.0, sense=200.0)),
    "medium": (40, Wires(row=3.0, column=6.0, driver=600.0, sense=600.0)),
    "strong": (48, Wires(row=8.0, column=16.0, driver=1500.0, sense=1500.0)),
}


def cells(size, seed=0, dtype=torch.float64):
    """Conductances between 2 and 20 uS, (size, size)."""
    random = torch.Generator().manual_seed(seed)
    return (torch.rand(size, size, dtype=torch.float64, generator=random) * 18e-6 + 2e-6).to(dtype)


def pulses(kind, count, rows):
    """Pulses of random bits or of either sign, (count, rows), and how even they are."""
    random = torch.Generator().manual_seed(1)
    if kind == "bits":
        return torch.randint(0, 2, (count, rows), generator=random).double(), 0.5
    return torch.randn(count, rows, dtype=torch.float64, generator=random), 0.0


@pytest.mark.parametrize("kind", ["bits", "signed"])
@pytest.mark.parametrize("name", WIRES)
def test_against_draws_that_are_solved(name, kind):
    """The standard deviation, on the mean over outputs, within 5 % up to a coupling of 2 (sampling: under 1 %)."""
    size, wires = WIRES[name]
    conductance = cells(size)
    assert float(wires.coupling(conductance)) < 2.1
    transfer = transfer_matrix(conductance, wires)
    x, evenness = pulses(kind, 8, size)
    noise = torch.randn(400, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    drawn = (x @ transfer_matrix(conductance * (1 + SIGMA * noise), wires)).var(0)
    share = noise_share(*noise_response(conductance, wires)[:2], transfer, evenness=evenness)
    modelled = x.square() @ (share * (SIGMA * conductance).square())
    ratio = (modelled / drawn).sqrt()
    assert float(ratio.mean()) == pytest.approx(1, abs=0.05)
    earlier = (x.square() @ (SIGMA * transfer).square() / drawn).sqrt()
    assert abs(float(ratio.mean()) - 1) < abs(float(earlier.mean()) - 1)


def test_strong_wires_are_strong():
    size, wires = WIRES["strong"]
    assert float(wires.coupling(cells(size))) > 1.7


@pytest.mark.parametrize("name", WIRES)
def test_derivatives_of_cells_that_are_off(name):
    """A cell that conducts nothing has a derivative like any other, on dead lines, too."""
    size, wires = WIRES[name]
    random = torch.Generator().manual_seed(3)
    conductance = cells(size)
    conductance[torch.rand(size, size, generator=random) < 0.3] = 0
    conductance[2] = conductance[:, 3] = 0
    own, taken, _ = noise_response(conductance, wires)
    common = own - taken * transfer_matrix(conductance, wires).sum(0)
    places = [*torch.randperm(size * size, generator=random)[:20].tolist(), 2 * size + 5, 7 * size + 3]
    errors = []
    for place in places:
        i, j = divmod(place, size)
        with_gradient = conductance.clone().requires_grad_()
        transfer = transfer_matrix(with_gradient, wires)
        for found, current in ((own, transfer[i, j]), (common, transfer[:, j].sum())):
            exact = torch.autograd.grad(current, with_gradient, retain_graph=True)[0][i, j]
            errors.append(float(found[i, j] / exact) - 1)
    assert torch.tensor(errors).abs().max() < 0.2
    assert abs(torch.tensor(errors).mean()) < 0.03


def test_batches_precision_and_modes():
    _, wires = WIRES["weak"]
    arrays = torch.stack([cells(20, seed) for seed in range(3)])
    own, taken, _ = noise_response(arrays, wires)
    torch.testing.assert_close(noise_response(arrays[1], wires)[0], own[1])
    with torch.inference_mode():
        single = noise_response(arrays.float(), wires)
    volts = transfer_matrix(arrays, wires).sum(-2, keepdim=True)
    torch.testing.assert_close(single[1].double() * volts, taken * volts, rtol=1e-4, atol=1e-5)
    assert not own.requires_grad


def test_without_wires_all_noise_arrives():
    conductance = cells(5)
    own, taken, _ = noise_response(conductance, Wires())
    share = noise_share(own, taken, conductance, evenness=0.5)
    assert torch.equal(share, torch.ones_like(share))


def test_bit_lines_with_almost_no_current():
    """The share of a bit line whose cells drifted to 1e-35 S is that of one with 1e-14 S."""
    _, wires = WIRES["weak"]
    shares = []
    for factor in (1e-8, 1e-30):
        conductance = cells(20).float()
        conductance[:, 3] *= factor
        transfer = transfer_matrix(conductance, wires)
        shares.append(noise_share(*noise_response(conductance, wires)[:2], transfer, evenness=0.5))
    torch.testing.assert_close(shares[1], shares[0], rtol=1e-3, atol=0)
