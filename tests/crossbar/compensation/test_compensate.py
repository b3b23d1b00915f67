"""Arrays that do behind their wires what the weights say."""

import warnings
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import crossbar as xb
import devices
from crossbar.array import CrossbarArray
from crossbar.compensation.cell_range import cell_range
from crossbar.parasitics import transfer_matrix
from mapping import Placement

WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=800.0)
DEVICE = devices.Device(g_min=2e-6, g_max=20e-6)
ENCODINGS = {
    "differential": {},
    "differential, 2 bits": {"cell_bits": 2},
    "differential, slices side by side": {"cell_bits": 4, "slicing": "intra"},
    "offset": {"encoding": "offset", "cell_bits": 8},
    "offset, 2 bits, slices side by side": {"encoding": "offset", "cell_bits": 2, "slicing": "intra"},
    "two's complement": {"encoding": "twos_complement", "cell_bits": 4},
    "reference column": {"encoding": "offset", "cell_bits": 8, "reference_column": True},
    "squeezed": {"cell_bits": 1, "squeezed_planes": 2},
    "released": {"cell_bits": 2, "release_empty": True},
    "merged": {"encoding": "twos_complement", "cell_bits": 1, "merge_columns": True},
    "sorted": {"row_order": "sorted"},
    "pairs on neighbouring bit lines": {"pairs": "bit_lines"},
    "pairs on neighbouring word lines": {"pairs": "word_lines"},
}


def weight(rows: int = 70, cols: int = 20) -> Tensor:
    return torch.randn(rows, cols, generator=torch.Generator().manual_seed(1))


def config(compensation: xb.WireCompensation | None = None, **mapping: object) -> xb.CrossbarConfig:
    fields = {"rows": 32, "cols": 32, "cell_bits": 7, **mapping}
    return xb.CrossbarConfig(
        device=DEVICE,
        wires=WIRES,
        mapping=xb.MappingConfig(**fields),  # type: ignore[arg-type]
        compensation=compensation or xb.WireCompensation(),
    )


def programmed(made: xb.CrossbarConfig, matrix: Tensor | None = None, *, groups: int = 1) -> CrossbarArray:
    array = CrossbarArray(made, groups=groups)
    array.program(weight() if matrix is None else matrix, generator=torch.Generator().manual_seed(0))
    return array


def relative_error(array: CrossbarArray) -> float:
    ideal = array.placement.to_weight()
    return float((array.effective_weight.t() - ideal).norm() / ideal.norm())


@pytest.mark.parametrize("mapping", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_arrays_do_what_the_weights_say_whatever_the_encoding(mapping: dict[str, object]) -> None:
    plain = programmed(replace(config(**mapping), compensation=None))
    assert relative_error(plain) > 0.1
    assert relative_error(programmed(config(**mapping))) < 5e-3


def test_pairs_differ_by_the_scaled_difference() -> None:
    array = programmed(config())
    placement, scale = array.placement, array.signal
    transfer = transfer_matrix(array.target, WIRES)
    half = placement.tiles // 2
    assert torch.equal(placement.column_index[:half], placement.column_index[half:])
    step = DEVICE.window.span / 127
    wanted = scale * step * (placement.levels[:half].float() - placement.levels[half:].float())
    assert float(((transfer[:half] - transfer[half:]) - wanted).abs().max()) < 2e-3 * float(wanted.abs().max())
    assert bool((array.target[placement.used] >= DEVICE.g_min).all())
    assert bool((array.target <= DEVICE.g_max).all())


def test_one_cell_has_a_closed_form() -> None:
    """One cell of each sign behind driver and sense resistance: T = G / (1 + R G)."""
    made = replace(config(xb.WireCompensation(scale=0.5, tolerance=1e-6)), wires=xb.Wires(driver=1e4, sense=1e4))
    array = programmed(made, torch.tensor([[1.0]]))
    wanted = 0.5 * DEVICE.window.span + DEVICE.g_min / (1 + 2e4 * DEVICE.g_min)
    torch.testing.assert_close(array.target[0, 0, 0], torch.tensor(wanted / (1 - 2e4 * wanted)), rtol=1e-5, atol=0)
    torch.testing.assert_close(array.target[1, 0, 0], torch.tensor(DEVICE.g_min))


@pytest.mark.parametrize("undriven", ["grounded", "open"])
def test_operation_units(undriven: str) -> None:
    made = replace(config(), parallel_rows=12, undriven=undriven)
    assert relative_error(programmed(replace(made, compensation=None))) > 0.1
    assert relative_error(programmed(made)) < 5e-3


@pytest.mark.parametrize("packing", ["none", "absent"])
def test_groups(packing: str) -> None:
    made = config(encoding="offset", cell_bits=8, group_packing=packing)
    assert relative_error(programmed(made, weight(9, 24), groups=6)) < 5e-3


@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
def test_both_plans_read_the_compensated_weight(plan: str) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(70, 20)
    for mapping in ENCODINGS.values():
        made = replace(config(**mapping), plan=plan)
        analog = xb.AnalogLinear.from_digital(layer, made).eval()
        analog.program()
        x = torch.rand(5, 70, generator=torch.Generator().manual_seed(2))
        expected = analog.to_digital()(x).detach()
        assert float((analog(x).detach() - expected).norm() / expected.norm()) < 0.03


def test_a_given_scale_is_taken() -> None:
    array = programmed(config(xb.WireCompensation(scale=0.3)))
    assert float(array.signal) == pytest.approx(0.3)
    assert relative_error(array) < 5e-3


def test_scale_follows_what_is_lost_with_it() -> None:
    """The more absolute noise there is beside the signal, the more signal is kept."""
    made = config()
    noisy = replace(made, device=replace(DEVICE, programming=devices.GaussianProgramming(spread=0.05)))
    assert float(programmed(noisy).signal) > float(programmed(made).signal)


def test_steps_of_the_converters_follow_the_compensated_currents() -> None:
    made = replace(config(), adc=xb.ADC(bits=8, range="column"), plan="tiled")
    full = replace(made, adc=xb.ADC(bits=8, range="full"))
    assert float(programmed(full).signal) > float(programmed(made).signal)


def test_error_feedback_between_slices() -> None:
    """What the rounding of the upper slice leaves over, the lower one takes up."""
    made = replace(config(cell_bits=4), device=replace(DEVICE, levels=16))
    assert made.compensation is not None
    alone = replace(made, compensation=replace(made.compensation, error_feedback=False))
    with_feedback, without = relative_error(programmed(made)), relative_error(programmed(alone))
    assert with_feedback < 0.02
    assert without > 3 * with_feedback


def test_targets_are_levels_where_cells_have_them() -> None:
    array = programmed(replace(config(cell_bits=4), device=replace(DEVICE, levels=16)))
    level = (array.target[array.placement.used] - DEVICE.g_min) / DEVICE.window.span * 15
    torch.testing.assert_close(level, level.round(), rtol=0, atol=1e-4)


def test_wrong_wires_leave_an_error_that_grows_with_it() -> None:
    errors = []
    for factor in (1.0, 1.1, 1.3):
        assumed = xb.Wires(row=5.0 * factor, column=10.0 * factor, driver=1e3 * factor, sense=800.0 * factor)
        errors.append(relative_error(programmed(config(xb.WireCompensation(wires=assumed)))))
    assert errors[0] < errors[1] < errors[2]


def test_compensated_for_a_later_time() -> None:
    device = replace(DEVICE, drift=devices.PowerLawDrift(nu=0.1))
    made = replace(config(), device=device)
    now = programmed(made)
    now.drift(1e5)
    later = programmed(replace(made, compensation=xb.WireCompensation(time=1e5)))
    later.drift(1e5)
    assert relative_error(later) < 5e-3 < 0.1 < relative_error(now)


def test_cells_that_drift_each_by_itself_are_compensated_for_their_mean() -> None:
    device = replace(DEVICE, drift=devices.PowerLawDrift(nu=0.1, nu_spread=0.01))
    reach = cell_range(device, 1e4)
    factor = 1e4**-0.1 * torch.tensor(0.01 * 4 * 2.302585).square().div(2).exp()  # mean of a lognormal
    assert reach.high == pytest.approx(DEVICE.g_max * float(factor), rel=0.02)
    asked = torch.linspace(DEVICE.g_min, DEVICE.g_max, 7)
    torch.testing.assert_close(reach.asked(reach.means(asked)), asked, rtol=1e-4, atol=0)


def test_known_stuck_cells_are_taken_up_by_their_partners() -> None:
    stuck = replace(DEVICE, stuck=devices.StuckCells(at_g_min=0.05, at_g_max=0.02))
    made = replace(config(cell_bits=4), device=stuck)
    blind = replace(made, compensation=xb.WireCompensation(known_faults=False))
    known = relative_error(programmed(made))
    assert known < 0.6 * relative_error(programmed(blind))


def test_many_stuck_cells_are_no_small_window() -> None:
    stuck = replace(DEVICE, stuck=devices.StuckCells(at_g_max=0.3))
    assert relative_error(programmed(replace(config(), device=stuck))) > 0.5


def test_state_travels(tmp_path: object) -> None:
    layer = xb.AnalogLinear.from_digital(torch.nn.Linear(70, 20), config(encoding="offset", cell_bits=8)).eval()
    layer.program()
    other = xb.AnalogLinear.from_digital(torch.nn.Linear(70, 20), config(encoding="offset", cell_bits=8)).eval()
    other.load_state_dict(layer.state_dict())
    x = torch.rand(3, 70)
    torch.testing.assert_close(other(x), layer(x))
    other.drift(1.0)
    torch.testing.assert_close(other(x), layer(x))


def test_same_targets_for_any_generator_position() -> None:
    """Looking at the faults beforehand does not move the stream that draws the chip."""
    stuck = replace(DEVICE, stuck=devices.StuckCells(at_g_min=0.1))
    matrices = [
        programmed(replace(config(), device=stuck, compensation=chosen)).cells.stuck
        for chosen in (xb.WireCompensation(), None)
    ]
    assert torch.equal(*matrices)


def test_no_wires_is_said() -> None:
    with pytest.warns(xb.NothingToCompensateWarning, match="nothing to do"):
        array = programmed(replace(config(), wires=xb.Wires()))
    assert relative_error(array) < 5e-3


@pytest.mark.filterwarnings("ignore::crossbar.NothingToCompensateWarning")
def test_compensated_targets_lie_on_no_levels_of_integer_reads() -> None:
    """Assumed wires move the targets although the arrays have none: bytes of whole levels would not hold them."""
    inputs = xb.InputConfig(dac_bits=1)
    made = replace(config(xb.WireCompensation(scale=0.4)), wires=xb.Wires(), adc=xb.ADC(bits=12), inputs=inputs)
    assert programmed(replace(made, compensation=None)).plan.kind == "integer"
    array = programmed(made)
    assert array.plan.kind == "tiled"
    assert relative_error(array) < 5e-3


def test_no_warning_where_there_is_something_to_do() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        programmed(config())


def test_a_window_too_small() -> None:
    made = replace(config(encoding="offset", cell_bits=8), device=devices.Device(g_min=19.99e-6, g_max=20e-6))
    with pytest.raises(ValueError, match="window is too small"):
        programmed(made)


@pytest.mark.parametrize(
    ("field", "value"),
    [("scale", 0.0), ("scale", 1.5), ("time", -1.0), ("tolerance", 0.0), ("max_solutions", 0), ("wires", 5.0)],
)
def test_bad_settings(field: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=f"`{field}` must"):
        xb.WireCompensation(**{field: value})  # type: ignore[arg-type]


def test_config_refuses_another_class() -> None:
    with pytest.raises(TypeError, match="`compensation` must be WireCompensation"):
        replace(config(), compensation=True)


def test_singular_arrays() -> None:
    with pytest.warns(devices.ImplausibleValueWarning):
        made = replace(config(xb.WireCompensation(scale=0.5)), wires=xb.Wires(row=1e30, column=1e30))
    with pytest.raises(ValueError, match="singular"):
        programmed(made)


def test_empty_placement() -> None:
    array = programmed(config(release_empty=True, cell_bits=1), torch.zeros(8, 4))
    assert isinstance(array.placement, Placement)
    assert array.placement.tiles == 0
