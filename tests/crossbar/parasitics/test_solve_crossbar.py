import pytest
import torch

from crossbar.parasitics import solve_crossbar, transfer_matrix
from devices import Wires
from devices.current_voltage import Ohmic, OwnFunction, Sinh
from tests.crossbar.parasitics.wire_arrays import random_array
from tests.crossbar.parasitics.wire_referee import LINEAR_CASES, SINH_CASES, load, relative_error

WIRES = Wires(row=12.0, column=7.0, driver=300.0, sense=150.0)
TIGHT = {"tolerance": 1e-13}


def drive(*shape):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.3


@pytest.mark.parametrize("name", LINEAR_CASES)
def test_referee(name):
    case = load(name)
    solution = solve_crossbar(case["conductance"], case["voltages"], case.wires)
    assert relative_error(solution.output_currents, case["currents"]) < 1e-10
    if "word_line_voltages" in case.tensors:
        assert float((solution.word_line_voltages[0] - case["word_line_voltages"]).abs().max()) < 1e-11
        assert float((solution.bit_line_voltages[0] - case["bit_line_voltages"]).abs().max()) < 1e-11
    single = solve_crossbar(case["conductance"].float(), case["voltages"].float(), case.wires)
    assert single.output_currents.dtype == torch.float32
    assert relative_error(single.output_currents, case["currents"]) < 5e-6


@pytest.mark.parametrize("name", SINH_CASES)
def test_nonlinear_referee(name):
    case = load(name)
    scale = float(case["v0"])
    own = OwnFunction(
        law=lambda v, g: g * scale * torch.sinh(v / scale), derivative=lambda v, g: g * torch.cosh(v / scale)
    )
    for law in (Sinh(v0=scale), own):
        solution = solve_crossbar(case["conductance"], case["voltages"], case.wires, iv=law)
        assert relative_error(solution.output_currents, case["currents"]) < 1e-9
        assert solution.newton_steps <= 6
        assert solution.residual <= 1e-11


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (8, 8), (23, 37)])
@pytest.mark.parametrize("row", [0.0, 12.0])
@pytest.mark.parametrize("column", [0.0, 7.0])
@pytest.mark.parametrize("ends", [0.0, 200.0])
def test_agrees_with_the_transfer_matrix(shape, row, column, ends):
    wires = Wires(row=row, column=column, driver=ends, sense=ends)
    conductance = random_array(*shape, batch=(3,), open_share=0.1)
    voltages = drive(3, 5, shape[0])
    solution = solve_crossbar(conductance, voltages, wires)
    expected = voltages @ transfer_matrix(conductance, wires)
    assert float((solution.output_currents - expected).abs().max()) < 1e-10 * float(expected.abs().max())
    assert solution.word_line_voltages.shape == (3, 5, *shape)


@pytest.mark.parametrize("coupling", [20.0, 300.0])
def test_heavy_loads_converge(coupling):
    conductance = torch.full((64, 64), 1e-3, dtype=torch.float64)
    wires = Wires(row=coupling / 64**2 * 1e3, column=coupling / 64**2 * 1e3)
    assert float(wires.coupling(conductance)) == pytest.approx(coupling)
    solution = solve_crossbar(conductance, drive(64), wires)
    expected = drive(64) @ transfer_matrix(conductance, wires)
    assert float((solution.output_currents - expected).abs().max()) < 1e-10 * float(expected.max())
    assert solution.iterations < 5 + 2.5 * coupling**0.5


def test_both_ends_superpose_and_mirror():
    conductance = random_array(9, 6)
    near, far = drive(2, 9), drive(2, 9).flip(0)
    both = solve_crossbar(conductance, near, WIRES, far_voltages=far, **TIGHT)
    left = solve_crossbar(conductance, near, WIRES, far_voltages=torch.zeros_like(far), **TIGHT)
    right = solve_crossbar(conductance, torch.zeros_like(near), WIRES, far_voltages=far, **TIGHT)
    total = left.output_currents + right.output_currents
    assert torch.allclose(both.output_currents, total, rtol=1e-11, atol=0)
    mirrored = solve_crossbar(conductance.flip(-1), far, WIRES, far_voltages=torch.zeros_like(near), **TIGHT)
    assert torch.allclose(right.output_currents, mirrored.output_currents.flip(-1), rtol=1e-11, atol=0)
    only = solve_crossbar(conductance, None, WIRES, far_voltages=far, **TIGHT)
    alone = solve_crossbar(conductance.flip(-1), far, WIRES, **TIGHT)
    assert torch.allclose(only.output_currents, alone.output_currents.flip(-1), rtol=1e-11, atol=0)


def test_everything_at_one_voltage_carries_no_current():
    conductance = random_array(9, 6)
    level = torch.full((9,), 0.2, dtype=torch.float64)
    bottom = torch.full((6,), 0.2, dtype=torch.float64)
    solution = solve_crossbar(conductance, level, WIRES, bit_line_voltages=bottom, iv=Sinh(v0=0.1))
    assert float(solution.cell_currents.abs().max()) < 1e-15
    assert torch.allclose(solution.word_line_voltages, torch.full((9, 6), 0.2, dtype=torch.float64), rtol=1e-12)


def test_floating_lines_carry_no_net_current():
    conductance = random_array(9, 6, open_share=0.1)
    words, bits = torch.arange(9) % 3 == 1, torch.arange(6) % 4 == 2
    solution = solve_crossbar(conductance, drive(9), WIRES, floating_word_lines=words, floating_bit_lines=bits, **TIGHT)
    largest = solution.cell_currents.abs().max()
    assert float(solution.cell_currents.sum(1)[words].abs().max() / largest) < 1e-12
    assert float(solution.output_currents[bits].abs().max() / largest) < 1e-12
    assert float(solution.output_currents[~bits].min()) > 0
    # ... and so its voltage is the mean of what its cells connect it to, weighted by them, up to its own drop.
    inner = (conductance * solution.bit_line_voltages).sum(1) / conductance.sum(1)
    assert torch.allclose(solution.word_line_voltages.mean(1)[words], inner[words], rtol=1e-2)


@pytest.mark.parametrize("law", [Ohmic(), Sinh(v0=0.5)])
@pytest.mark.parametrize("both_ends", [False, True])
def test_gradcheck(law, both_ends):
    conductance = (random_array(3, 2, batch=(2,)) * 1e4 + 0.05).requires_grad_()
    near, far = drive(2, 2, 3).requires_grad_(), drive(2, 2, 3).flip(0).requires_grad_()
    bottom = drive(2, 2, 2).requires_grad_()
    resistances = torch.tensor([0.3, 0.2, 0.5, 0.4], dtype=torch.float64, requires_grad=True)

    def outputs(cells, near, far, bottom, ohms):
        far = far if both_ends else None
        arguments = {"far_voltages": far, "bit_line_voltages": bottom, "resistances": ohms, "tolerance": 1e-12}
        solution = solve_crossbar(cells, near, Wires(), iv=law, **arguments)
        return solution.word_line_voltages, solution.bit_line_voltages, solution.output_currents

    assert torch.autograd.gradcheck(outputs, (conductance, near, far, bottom, resistances), atol=1e-5)


@pytest.mark.parametrize("values", [(0.0, 0.2, 0.5, 0.4), (0.3, 0.0, 0.0, 0.0)])
def test_gradcheck_with_perfect_and_floating_lines(values):
    conductance = (random_array(4, 5) * 1e4 + 0.05).requires_grad_()
    near = drive(1, 4).requires_grad_()
    wires = Wires(row=values[0], column=values[1], driver=values[2], sense=values[3])
    words, bits = torch.arange(4) == 1, torch.arange(5) == 2

    def outputs(cells, near):
        masks = {"floating_word_lines": words, "floating_bit_lines": bits}
        solution = solve_crossbar(cells, near, wires, tolerance=1e-13, **masks)
        return solution.word_line_voltages, solution.output_currents

    assert torch.autograd.gradcheck(outputs, (conductance, near), atol=1e-5)


def test_referee_gradient():
    case = load("u32x48_1_1_src50_sns30")
    conductance = case["conductance"].clone().requires_grad_()
    currents = solve_crossbar(conductance, case["voltages"], case.wires).output_currents
    (gradient,) = torch.autograd.grad((case["loss_weight"] * currents).sum(), conductance)
    assert float((gradient - case["gradient"]).abs().max() / case["gradient"].abs().max()) < 1e-9


def test_giving_up_is_an_error_with_advice():
    conductance = random_array(16, 16)
    with pytest.raises(RuntimeError, match="Raise `max_iterations`"):
        solve_crossbar(conductance, drive(16), Wires(row=1e3, column=1e3), max_iterations=1)
    wrong = OwnFunction(law=lambda v, g: g * torch.sinh(30 * v), derivative=lambda v, g: g)
    with pytest.raises(RuntimeError, match="derivative belongs to its current"):
        solve_crossbar(conductance, drive(16) * 20, Wires(row=1e3, column=1e3), iv=wrong)


def test_bad_arguments():
    conductance, voltages = random_array(4, 3, batch=(2,)), drive(2, 4)
    with pytest.raises(ValueError, match="`voltages` must have shape"):
        solve_crossbar(conductance, drive(2, 3), WIRES)
    with pytest.raises(ValueError, match="`voltages` must be finite"):
        solve_crossbar(conductance, voltages * float("nan"), WIRES)
    with pytest.raises(ValueError, match="`far_voltages` must have the shape"):
        solve_crossbar(conductance, voltages, WIRES, far_voltages=drive(2, 5, 4))
    with pytest.raises(ValueError, match="`bit_line_voltages` must broadcast"):
        solve_crossbar(conductance, voltages, WIRES, bit_line_voltages=drive(4))
    with pytest.raises(TypeError, match="`floating_bit_lines` must be a boolean"):
        solve_crossbar(conductance, voltages, WIRES, floating_bit_lines=torch.zeros(3))
    with pytest.raises(ValueError, match="perfect line"):
        solve_crossbar(conductance, voltages, Wires(column=1.0), far_voltages=voltages)
    with pytest.raises(ValueError, match="`conductance` must be >= 0"):
        solve_crossbar(-conductance, voltages, WIRES)
    with pytest.raises(ValueError, match="`tolerance` must be > 0"):
        solve_crossbar(conductance, voltages, WIRES, tolerance=0.0)


def test_network_without_ground_is_refused():
    conductance = random_array(4, 3)
    conductance[2] = 0
    with pytest.raises(ValueError, match="word line 2 floats"):
        solve_crossbar(conductance, drive(4), WIRES, floating_word_lines=torch.arange(4) == 2)
    every = torch.ones(3, dtype=torch.bool)
    with pytest.raises(ValueError, match="floats: no closed cell"):
        solve_crossbar(conductance, None, WIRES, floating_bit_lines=every)
