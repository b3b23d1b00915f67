"""Programming by products."""

from dataclasses import replace

import pytest
import torch
import xarray as xr
from torch import nn

import crossbar as xb
import devices
from tests.crossbar.compensation.test_compensate import DEVICE, config

NOISY = replace(DEVICE, programming=devices.GaussianProgramming(spread=0.01))


def model(made: xb.CrossbarConfig) -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(40, 16))
    return xb.convert_to_analog(network, replace(made, compensation=None)).eval()


def run(made: xb.CrossbarConfig, **settings: object) -> xr.Dataset:
    chosen = xb.ProductProgramming(**settings)  # type: ignore[arg-type]
    return xb.program_by_products(model(made), chosen, generator=torch.Generator().manual_seed(1))


def test_products_take_the_wires_out_without_knowing_them() -> None:
    figures = run(config(), rounds=60)
    assert float(figures.error.max()) < 0.002 < 0.05 < float(figures.error_first.min())


def test_the_model_reads_what_the_loop_reports() -> None:
    analog = model(config())
    figures = xb.program_by_products(analog, generator=torch.Generator().manual_seed(1))
    array = xb.analog_layers(analog)[0].array
    ideal = array.placement.to_weight()
    error = float((array.effective_weight.t() - ideal).norm() / ideal.norm())
    assert error == pytest.approx(float(figures.error[0]), rel=1e-3)
    assert float(array.array_gain()) == pytest.approx(1 / float(figures.signal[0]), rel=1e-5)


def test_products_beat_write_verify_of_cells_at_equal_pulses() -> None:
    made = replace(config(), device=NOISY)
    products = run(made)
    cells = int(config().mapping.rows > 0) * 2 * 40 * 16
    limit = float(products.pulses[0]) / cells
    verified = run(made, read="cells", rounds=300, patience=300, pulses_per_cell=limit)
    assert float(verified.pulses[0]) <= 1.2 * float(products.pulses[0])
    assert float(products.error[0]) < 0.7 * float(verified.error[0])


def test_write_verify_takes_programming_errors_out_where_there_are_no_wires() -> None:
    made = replace(config(), device=NOISY, wires=xb.Wires())
    once, often = run(made, read="cells", rounds=0), run(made, read="cells", rounds=30, acceptance=0.5, patience=30)
    assert float(often.error[0]) < 0.4 * float(once.error[0])


def test_counts() -> None:
    once = run(config(), rounds=0)
    assert int(once.pulses[0]) == 2 * 40 * 16
    assert int(once.reads[0]) == 0
    two = run(config(), rounds=2, patterns=10)
    assert int(two.reads[0]) == 2 * 2 * 10 * 4  # rounds, polarities, patterns, arrays
    assert int(two.pulses[0]) > int(once.pulses[0])


def test_read_noise_limits_what_products_can_tell() -> None:
    noisy = replace(DEVICE, read_noise=devices.RelativeReadNoise(ratio=0.3))
    clean, blurred = run(config(), rounds=40), run(replace(config(), device=noisy), rounds=40)
    assert float(blurred.error[0]) > 2 * float(clean.error[0])


def test_stuck_cells_stay_and_partners_take_them_up() -> None:
    stuck = replace(DEVICE, stuck=devices.StuckCells(at_g_min=0.03, at_g_max=0.03))
    figures = run(replace(config(), device=stuck), rounds=60)
    assert float(figures.error[0]) < 0.8 * float(figures.error_first[0])


def test_one_array_encodings_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a partner"):
        run(config(encoding="offset", cell_bits=8))


def test_operation_units_are_refused() -> None:
    with pytest.raises(ValueError, match="whole arrays"):
        run(replace(config(), parallel_rows=8))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("read", "columns"),
        ("rounds", -1),
        ("patterns", 0),
        ("acceptance", -1.0),
        ("step", 0.0),
        ("headroom", 1.2),
        ("pulses_per_cell", 0.0),
        ("patience", 0),
    ],
)
def test_bad_settings(field: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=f"`{field}` must"):
        xb.ProductProgramming(**{field: value})  # type: ignore[arg-type]
