import torch

from crossbar.parasitics import transfer_matrix
from devices import Wires
from tests.crossbar.parasitics.wire_arrays import random_array

LOWEST, HIGHEST = 1e-6, 1e-4


def test_a_matrix_trained_through_its_wires_reaches_the_wanted_product():
    wires = Wires(row=10.0, column=10.0, driver=100.0, sense=100.0)
    wanted = (random_array(32, 32, seed=5) * 0.5 + 2 * LOWEST).clamp(max=HIGHEST / 2)
    voltages = torch.rand(64, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.2
    product = voltages @ wanted

    def miss(conductance):
        return float((voltages @ transfer_matrix(conductance, wires) - product).norm() / product.norm())

    logits = torch.logit((wanted - LOWEST) / (HIGHEST - LOWEST)).requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        conductance = LOWEST + (HIGHEST - LOWEST) * torch.sigmoid(logits)
        loss = ((voltages @ transfer_matrix(conductance, wires) - product) / product.mean()).square().mean()
        loss.backward()
        optimizer.step()
    assert miss(wanted) > 0.05
    assert miss(conductance.detach()) < miss(wanted) / 30
