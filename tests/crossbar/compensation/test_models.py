"""Compensation of whole models: the report, reprogramming, digital correction of stuck cells."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from crossbar.serialization import config_from_json, config_to_json
from tests.crossbar.compensation.test_compensate import DEVICE, WIRES, config

STUCK = replace(DEVICE, stuck=devices.StuckCells(at_g_min=0.04, at_g_max=0.02))


def model(made: xb.CrossbarConfig) -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 10))
    return xb.convert_to_analog(network, made).eval()


def programmed(made: xb.CrossbarConfig) -> nn.Module:
    analog = model(made)
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(3))
    return analog


def output_error(analog: nn.Module) -> float:
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected = xb.convert_to_digital(analog)(x)
        return float((analog(x) - expected).norm() / expected.norm())


def test_report_says_what_the_layers_do() -> None:
    analog = programmed(config(encoding="offset", cell_bits=8))
    report = xb.compensation_report(analog)
    for name, layer in xb.named_analog_layers(analog):
        array, found = layer.array, report.sel(layer=name)
        ideal = array.placement.to_weight()
        error = float((array.effective_weight.t() - ideal).norm() / ideal.norm())
        assert float(found.error_after) == pytest.approx(error, rel=1e-2)
        assert float(found.error_after) < float(found.error_before)
        assert float(found.scale) == pytest.approx(float(array.signal))
        assert float(found.expected_error.sel(cause="programming")) == 0
        assert int(found.digital_multiplications) > 0


def test_expected_errors_are_those_of_chips() -> None:
    """Read noise and programming error as expected, against 40 chips."""
    noisy = replace(
        DEVICE,
        programming=devices.GaussianProgramming(spread=0.02),
        read_noise=devices.RelativeReadNoise(ratio=0.05, draw="programming"),
    )
    made = replace(config(xb.WireCompensation(scale=0.5)), device=noisy)
    analog = programmed(made)
    expected = xb.compensation_report(analog).expected_error.sel(cause=["programming", "read_noise"])
    squares = torch.zeros(2)
    for seed in range(40):
        xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(seed))
        for index, layer in enumerate(xb.analog_layers(analog)):
            ideal = layer.array.placement.to_weight()
            squares[index] += (layer.array.effective_weight.t() - ideal).square().sum() / ideal.square().sum() / 40
    measured = squares.sqrt()
    # Independent deviations also move the loads of their lines, which the expectation leaves out: design section 11.
    torch.testing.assert_close(
        torch.tensor((expected**2).sum("cause").values).sqrt().float(), measured, rtol=0.2, atol=0
    )


def test_report_needs_compensated_layers() -> None:
    with pytest.raises(ValueError, match="no compensated layer"):
        xb.compensation_report(programmed(replace(config(), compensation=None)))


def test_reprogramming_keeps_the_clock() -> None:
    device = replace(DEVICE, drift=devices.PowerLawDrift(nu=0.05))
    analog = programmed(replace(config(), device=device, compensation=None))
    xb.drift_analog_weights(analog, 100.0)
    before = output_error(analog)
    xb.compensate_wires(analog, xb.WireCompensation(time=100.0))
    assert all(float(layer.array.time) == 100.0 for layer in xb.analog_layers(analog))
    assert output_error(analog) < 0.1 * before


@pytest.mark.parametrize("known", [False, True])
def test_stuck_cells_corrected_digitally(known: bool) -> None:
    made = replace(config(xb.WireCompensation(known_faults=known, faults_corrected=True)), device=STUCK)
    analog = programmed(made)
    before = output_error(analog)
    cost = xb.correct_stuck_cells(analog)
    assert output_error(analog) < 0.1 * before
    assert bool((cost.multiplications <= cost.stuck_weights).all())
    assert bool((cost.numbers == 2 * cost.multiplications).all())


def test_fewer_weights_are_corrected_where_partners_take_faults_up() -> None:
    costs = [
        int(
            xb.correct_stuck_cells(
                programmed(replace(config(xb.WireCompensation(known_faults=known)), device=STUCK))
            ).multiplications.sum()
        )
        for known in (True, False)
    ]
    assert costs[0] < 0.8 * costs[1]


def test_corrections_of_stuck_cells_travel_and_are_dropped_with_the_chip() -> None:
    analog = programmed(replace(config(), device=STUCK))
    xb.correct_stuck_cells(analog)
    other = model(replace(config(), device=STUCK))
    other.load_state_dict(analog.state_dict())
    x = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(other(x), analog(x))
    xb.program_analog_weights(analog)
    assert all(layer.array.corrections["stuck_cells"].numbers() == 0 for layer in xb.analog_layers(analog))


def test_nothing_stuck_nothing_corrected() -> None:
    cost = xb.correct_stuck_cells(programmed(config()))
    assert int(cost.multiplications.sum()) == 0


def test_unprogrammed_models_are_refused() -> None:
    for verb in (xb.correct_stuck_cells, xb.compensation_report):
        with pytest.raises(RuntimeError, match="not programmed"):
            verb(model(config()))


def test_config_travels_as_json() -> None:
    made = config(xb.WireCompensation(scale=0.4, wires=WIRES, time=10.0))
    assert config_from_json(config_to_json(made)) == made
