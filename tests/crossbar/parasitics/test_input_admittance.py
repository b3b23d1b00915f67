import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.parasitics import input_admittance, read_power, solve_crossbar, split_read_power, transfer_matrix
from devices import Wires
from tests.crossbar.parasitics.wire_arrays import random_array

CORNERS = tuple(itertools.product((0.0, 20.0), (0.0, 30.0), (0.0, 1e3), (0.0, 500.0)))
SHAPES = ((1, 1), (1, 6), (6, 1), (9, 5), (27, 16), (33, 65))
shape_strategy = st.tuples(st.integers(1, 20), st.integers(1, 20))
wires_strategy = st.builds(
    Wires, row=st.floats(0, 100), column=st.floats(0, 100), driver=st.floats(0, 1e3), sense=st.floats(0, 1e3)
)


def largest_error(value, expected):
    return float((value.double() - expected).abs().max() / expected.abs().max())


def dissipated(conductance, voltages, wires):
    """Power in cells, word lines, bit lines, driver and sense, summed over inputs, from all node voltages."""
    solution = solve_crossbar(conductance, voltages, wires, tolerance=1e-13)
    cells = (solution.cell_currents * solution.cell_voltages).sum()
    line = solution.cell_currents.flip(-1).cumsum(-1).flip(-1)  # current of each word-line segment
    column = solution.cell_currents.cumsum(-2)
    driver, sense = wires.driver * line[..., 0].square().sum(), wires.sense * column[..., -1, :].square().sum()
    return torch.stack([cells, wires.row * line.square().sum(), wires.column * column.square().sum(), driver, sense])


@pytest.mark.parametrize("seed", range(50))
def test_power_is_that_of_solve_crossbar(seed):
    generator = torch.Generator().manual_seed(seed)
    rows, cols = torch.randint(2, 25, (2,), generator=generator).tolist()
    row, column, driver, sense = (torch.rand(4, generator=generator) * torch.tensor([20, 20, 1e3, 500])).tolist()
    wires = Wires(row=row, column=column, driver=driver, sense=sense)
    conductance = random_array(rows, cols, seed=seed, open_share=0.1)
    voltages = torch.randn(7, rows, generator=generator, dtype=torch.float64) * 0.2
    voltages *= torch.rand(7, rows, generator=generator) < 0.6  # idle word lines
    expected = dissipated(conductance, voltages, wires)
    moments = voltages.T @ voltages
    total = read_power(conductance, moments, wires)
    assert float(total) == pytest.approx(float(expected.sum()), rel=1e-10)
    split = split_read_power(conductance, moments, wires)
    parts = torch.stack([split.cells, split.word_lines, split.bit_lines, split.driver, split.sense])
    assert float((parts - expected).abs().max()) < 1e-10 * float(total)


@pytest.mark.parametrize("corner", CORNERS)
def test_split_of_every_circuit(corner):
    wires = Wires(row=corner[0], column=corner[1], driver=corner[2], sense=corner[3])
    conductance = random_array(7, 6, seed=1)
    voltages = torch.randn(4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = dissipated(conductance, voltages, wires)
    split = split_read_power(conductance, voltages.T @ voltages, wires)
    parts = torch.stack([split.cells, split.word_lines, split.bit_lines, split.driver, split.sense])
    assert float((parts - expected).abs().max()) < 1e-10 * float(expected.sum())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("corner", CORNERS)
def test_every_circuit(shape, corner):
    wires = Wires(row=corner[0], column=corner[1], driver=corner[2], sense=corner[3])
    conductance = random_array(*shape, batch=(2,), open_share=0.2)
    admittance = input_admittance(conductance, wires)
    voltages = torch.randn(2, 3, shape[0], dtype=torch.float64)
    solution = solve_crossbar(conductance, voltages, wires, tolerance=1e-13)
    delivered = solution.cell_currents.sum(-1)  # (2, 3, rows), current of each driver
    assert largest_error(voltages @ admittance, delivered) < 1e-10
    assert largest_error(input_admittance(conductance.float(), wires), admittance) < 2e-6


@settings(max_examples=60, deadline=None)
@given(shape=shape_strategy, wires=wires_strategy, seed=st.integers(0, 1000))
def test_symmetric_bracketed_and_one_with_the_transfer_matrix(shape, wires, seed):
    conductance = random_array(*shape, seed=seed)
    admittance = input_admittance(conductance, wires)
    transfer = transfer_matrix(conductance, wires)
    scale = float(conductance.sum(-1).max())
    assert torch.equal(admittance, admittance.mT)
    torch.testing.assert_close(admittance.sum(-1), transfer.sum(-1), rtol=1e-10, atol=1e-13 * scale)
    voltages = torch.randn(shape[0], dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    power = float(voltages @ admittance @ voltages)
    low, high = (float(voltages.square() @ matrix.sum(-1)) for matrix in (transfer, conductance))
    assert low * (1 - 1e-9) <= power <= high * (1 + 1e-9)
    off = admittance - torch.diag_embed(admittance.diagonal())
    assert float(off.max()) <= 0 or shape[0] == 1


def test_bracket_closes_without_wires_and_where_all_rows_are_driven():
    conductance = random_array(12, 7)
    ideal = input_admittance(conductance, Wires())
    torch.testing.assert_close(ideal, torch.diag(conductance.sum(-1)), rtol=1e-12, atol=1e-18)
    wires = Wires(row=10.0, column=10.0, driver=100.0, sense=100.0)
    together = torch.ones(12, 12, dtype=torch.float64)
    transfer = transfer_matrix(conductance, wires)
    assert float(read_power(conductance, together, wires)) == pytest.approx(float(transfer.sum()), rel=1e-12)


def test_gradient():
    conductance = random_array(5, 4).requires_grad_()
    resistances = torch.tensor([5.0, 10.0, 100.0, 50.0], dtype=torch.float64, requires_grad=True)

    def admittance(cells, values):
        return input_admittance(cells * 1e-5, Wires(), resistances=values)

    assert torch.autograd.gradcheck(admittance, ((conductance * 1e5).detach().requires_grad_(), resistances), atol=1e-9)


@pytest.mark.parametrize("size", [64, 128])
def test_float32_keeps_its_digits(size):
    conductance = random_array(size, size)
    wires = Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
    exact = input_admittance(conductance, wires)
    assert largest_error(input_admittance(conductance.float(), wires), exact) < 2e-6


def test_moments_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"`moments` must have shape .* \(3, 3\). Got \(4, 4\)"):
        read_power(random_array(3, 2), torch.eye(4, dtype=torch.float64), Wires())
