"""Numbers that were most likely meant in another unit warn, once, and say which unit the field has."""

import pickle
import warnings

import pytest

import crossbar as xb
import devices
from devices.validation import FieldTypeError, FieldValueError

SLIPS = {
    "g_max in microsiemens": (lambda: devices.Device(g_min=2, g_max=20), "`g_max` is in siemens, usually 1e-9 to 1e-3 S"),
    "row in milliohm": (lambda: xb.Wires(row=5e3), "`row` is in ohm, usually 0.1 to 100 ohm"),
    "driver": (lambda: xb.Wires(driver=2e6), "`driver` is in ohm"),
    "millivolts": (lambda: xb.InputConfig(read_voltage=200), "`read_voltage` is in volts, usually 0.05 to 1 V"),
    "percent of read noise": (lambda: devices.RelativeReadNoise(ratio=5), "`ratio` is a ratio, usually 0 to 0.5"),
    "percent of the window": (lambda: devices.GaussianProgramming(spread=5), "`spread` is a ratio"),
    "microsiemens of spread": (
        lambda: devices.GaussianProgramming(spread=5, relative_to="siemens"),
        "`spread` is in siemens",
    ),
    "percent of acceptance": (lambda: devices.WriteVerifyProgramming(acceptance=2, spread=3), "`acceptance` is a ratio"),
    "microsiemens of offset": (lambda: devices.AffineReadNoise(slope=0.1, offset=0.13), "`offset` is in siemens"),
    "percent of gain": (lambda: xb.ADC(gain_spread=2), "`gain_spread` is a ratio"),
    "exponent in percent": (lambda: devices.PowerLawDrift(nu=4), "`nu` is a ratio"),
    "degrees Celsius": (
        lambda: devices.ArrheniusDrift(drift=devices.PowerLawDrift(nu=0.1), activation_energy=1, temperature=85),
        "`temperature` is in kelvin",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_of_the_unit_warns_at_the_line_that_made_it(slip):
    make, sentence = SLIPS[slip]
    with pytest.warns(devices.ImplausibleValueWarning, match=sentence) as caught:
        make()
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_one_line_warns_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(5):
            xb.Wires(row=5e3)
    assert len(caught) == 1


def test_presets_and_the_usual_are_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error", devices.ImplausibleValueWarning)
        warnings.simplefilter("ignore", devices.OutOfRangeWarning)
        for device in devices.find_presets().values():
            xb.CrossbarConfig(device=device, wires=xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3))


@pytest.mark.parametrize("kind", [FieldValueError, FieldTypeError])
def test_a_refusal_carries_its_field_into_other_processes(kind):
    error = pickle.loads(pickle.dumps(kind("`row` must be >= 0. Got -1.", "row")))
    assert (error.field, str(error)) == ("row", "`row` must be >= 0. Got -1.")
    assert isinstance(error, devices.FieldError)
    with pytest.raises(ValueError, match="`row`") as caught:
        xb.Wires(row=-1)
    assert caught.value.field == "row"
