import itertools
from dataclasses import asdict, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.parasitics import transfer_matrix
from devices import Wires
from tests.crossbar.parasitics.wire_arrays import badcrossbar_currents, random_array
from tests.crossbar.parasitics.wire_referee import LINEAR_CASES, load, relative_error

TOLERANCES = {torch.float64: 1e-10, torch.float32: 5e-6}
SHAPES = ((1, 1), (1, 6), (6, 1), (9, 5), (27, 16), (33, 65))
CORNERS = tuple(itertools.product((0.0, 20.0), (0.0, 30.0), (0.0, 1e3), (0.0, 500.0)))
wires_strategy = st.builds(
    Wires,
    row=st.floats(0, 100),
    column=st.floats(0, 100),
    driver=st.floats(0, 1e3),
    sense=st.floats(0, 1e3),
)
shape_strategy = st.tuples(st.integers(1, 20), st.integers(1, 20))


def largest_error(transfer, expected):
    return float(((transfer.double() - expected).abs() / expected.abs().max()).max())


@pytest.mark.parametrize("method", ["auto", "block"])
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", LINEAR_CASES)
def test_referee_currents(name, dtype, method):
    case = load(name)
    transfer = transfer_matrix(case["conductance"].to(dtype), case.wires, method=method)
    assert transfer.dtype == dtype
    assert relative_error(case["voltages"] @ transfer.double(), case["currents"]) < TOLERANCES[dtype]
    assert largest_error(transfer, case["transfer"]) < TOLERANCES[dtype]


@pytest.mark.parametrize("name", LINEAR_CASES)
def test_referee_gradient(name):
    case = load(name)
    conductance = case["conductance"].clone().requires_grad_()
    currents = case["voltages"] @ transfer_matrix(conductance, case.wires)
    (gradient,) = torch.autograd.grad((case["loss_weight"] * currents).sum(), conductance)
    assert largest_error(gradient, case["gradient"]) < 1e-9


@pytest.mark.reference
@pytest.mark.parametrize("shape", [(5, 9), (40, 24), (64, 64)])
@pytest.mark.parametrize(("row", "column"), [(1.0, 1.0), (15.0, 4.0), (0.0, 7.0), (7.0, 0.0)])
def test_badcrossbar(shape, row, column):
    conductance = random_array(*shape, seed=3)
    voltages = torch.rand(4, shape[0], dtype=torch.float64) * 0.3
    wires = Wires(row=row, column=column)
    referee = badcrossbar_currents(conductance, voltages, wires)
    assert relative_error(voltages @ transfer_matrix(conductance, wires), referee) < 1e-10


@pytest.mark.parametrize("size", [128, 512])
def test_float32_keeps_its_digits(size):
    conductance = random_array(size, size)
    wires = Wires(row=10.0, column=10.0)
    voltages = torch.rand(8, size, dtype=torch.float64) * 0.3
    exact = voltages @ transfer_matrix(conductance, wires)
    assert relative_error(voltages @ transfer_matrix(conductance.float(), wires).double(), exact) < 5e-6


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("corner", CORNERS)
def test_every_circuit_agrees_with_plain_elimination(shape, corner):
    wires = Wires(row=corner[0], column=corner[1], driver=corner[2], sense=corner[3])
    conductance = random_array(*shape, batch=(2,), open_share=0.2)
    expected = transfer_matrix(conductance, wires, method="block")
    assert largest_error(transfer_matrix(conductance, wires), expected) < 1e-13
    assert largest_error(transfer_matrix(conductance.float(), wires), expected) < 2e-6


@pytest.mark.parametrize("shape", [(21, 97), (97, 21), (64, 80), (96, 33), (9, 150)])
def test_any_number_of_tiles(shape):
    """Tiles 3, 6, 4 and 8 a side: those at the open ends are smaller, and odd ones wait for a partner."""
    wires = Wires(row=20.0, column=30.0, driver=1e3, sense=500.0)
    conductance = random_array(*shape, batch=(2,), open_share=0.2)
    conductance[0, 3] = conductance[1, :, 2] = 0  # a dead word line, a dead bit line
    expected = transfer_matrix(conductance, wires, method="block")
    assert largest_error(transfer_matrix(conductance, wires), expected) < 1e-13
    assert largest_error(transfer_matrix(conductance.float(), wires), expected) < 2e-6


@pytest.mark.parametrize("name", ["row", "column", "driver", "sense"])
def test_vanishing_resistance_is_the_limit(name):
    wires = Wires(row=5.0, column=8.0, driver=300.0, sense=200.0)
    conductance = random_array(13, 9)
    limit = transfer_matrix(conductance, replace(wires, **{name: 0.0}))
    assert largest_error(transfer_matrix(conductance, replace(wires, **{name: 1e-9})), limit) < 1e-11


def test_no_wires_no_change():
    conductance = random_array(7, 5, batch=(3, 2))
    assert torch.equal(transfer_matrix(conductance, Wires()), conductance)


@given(shape=shape_strategy, wires=wires_strategy, seed=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_physics(shape, wires, seed):
    conductance = random_array(*shape, seed=seed)
    transfer = transfer_matrix(conductance, wires)
    assert bool((transfer > 0).all())
    assert bool((transfer <= conductance * (1 + 1e-12)).all())
    mirrored = Wires(row=wires.column, column=wires.row, driver=wires.sense, sense=wires.driver)
    reciprocal = transfer_matrix(conductance.flip(0, 1).T.contiguous(), mirrored).flip(0, 1).T
    assert largest_error(reciprocal, transfer) < 1e-12
    scaled = Wires(**{name: value * 7 for name, value in asdict(wires).items()})
    assert largest_error(transfer_matrix(conductance / 7, scaled) * 7, transfer) < 1e-12


@pytest.mark.parametrize("wires", [Wires(row=5.0, column=3.0, driver=100.0), Wires(column=3.0, driver=100.0)])
def test_batches_are_their_members(wires):
    conductance = random_array(40, 40, batch=(3, 9))
    transfer = transfer_matrix(conductance, wires)
    assert transfer.shape == conductance.shape
    for member in ((0, 0), (1, 4), (2, 8)):
        assert largest_error(transfer[member], transfer_matrix(conductance[member], wires)) < 1e-14


def test_open_cells_on_the_open_ends_change_nothing():
    wires = Wires(row=5.0, column=3.0, driver=100.0, sense=10.0)
    conductance = random_array(11, 7)
    padded = torch.nn.functional.pad(conductance, (0, 6, 9, 0))
    assert largest_error(transfer_matrix(padded, wires)[9:, :7], transfer_matrix(conductance, wires)) < 1e-13


@pytest.mark.parametrize("method", ["auto", "block"])
@pytest.mark.parametrize("shape", [(1, 3), (5, 4), (7, 8)])
@pytest.mark.parametrize("values", [(0.3, 0.2, 0.5, 0.4), (0.3, 0.2, 0.0, 0.0)])
def test_gradcheck(shape, values, method):
    conductance = (random_array(*shape) * 1e4).requires_grad_()
    resistances = torch.tensor(values, dtype=torch.float64)
    resistances += 0.01  # gradcheck steps to both sides
    resistances.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda cells, ohms: transfer_matrix(cells, Wires(), method=method, resistances=ohms), (conductance, resistances)
    )


def test_gradient_at_a_resistance_of_zero():
    conductance = random_array(6, 5) * 1e4
    zero = torch.tensor([0.0, 0.2, 0.5, 0.4], dtype=torch.float64, requires_grad=True)
    total = transfer_matrix(conductance, Wires(), resistances=zero).sum()
    (gradient,) = torch.autograd.grad(total, zero)
    step = torch.tensor([1e-7, 0, 0, 0], dtype=torch.float64)
    moved = transfer_matrix(conductance, Wires(), resistances=zero.detach() + step).sum()
    assert float((moved - total.detach()) / 1e-7) == pytest.approx(float(gradient[0]), rel=1e-4)


@pytest.mark.parametrize(
    ("conductance", "message"),
    [
        (torch.tensor([[1e-5, -1e-6]]), "`conductance` must be >= 0"),
        (torch.tensor([[1e-5, float("nan")]]), "`conductance` must be finite"),
        (torch.tensor([[1e-5, float("inf")]]), "`conductance` must be finite"),
        (torch.zeros(4), "must have shape"),
        (torch.zeros(4, 0), "at least one cell"),
    ],
)
def test_bad_conductance(conductance, message):
    with pytest.raises(ValueError, match=message):
        transfer_matrix(conductance, Wires(row=1.0))


def test_bad_arguments():
    conductance = torch.ones(2, 2)
    with pytest.raises(TypeError, match="float32 or float64"):
        transfer_matrix(torch.ones(2, 2, dtype=torch.int64), Wires())
    with pytest.raises(TypeError, match="`wires` must be a Wires"):
        transfer_matrix(conductance, 5.0)
    with pytest.raises(ValueError, match="`resistances` must be >= 0"):
        transfer_matrix(conductance, Wires(), resistances=torch.tensor([1.0, -1.0, 0.0, 0.0]))
    with pytest.raises(ValueError, match=r"`resistances` must be a tensor.*Got \(2,\)"):
        transfer_matrix(conductance, Wires(), resistances=torch.ones(2))
    with pytest.raises((TypeError, ValueError), match=r"`resistances` must be .*Got (list|\[)"):
        transfer_matrix(conductance, Wires(), resistances=[1.0, 1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="`method` must be one of"):
        transfer_matrix(conductance, Wires(), method="magic")
    with pytest.raises(ValueError, match='"kron" needs'):
        transfer_matrix(conductance, Wires(row=1.0), method="kron")
    with pytest.raises(ValueError, match="`row` must be >= 0"):
        Wires(row=-1.0)
