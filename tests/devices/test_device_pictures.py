"""Pictures show what they say: the numbers in them, not their looks."""

import numpy as np
import pytest

import devices
from tests.devices.test_fitting import TRUE, measure

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'aimc-crossbar[demo]'")


@pytest.mark.parametrize("device", devices.find_presets().values(), ids=devices.find_presets().keys())
def test_every_preset_has_a_picture(device, tmp_path):
    figure = devices.plot_device(device)
    assert len(figure.axes) == 3
    assert device.name in figure.get_suptitle()
    figure.savefig(tmp_path / "device.png")
    assert (tmp_path / "device.png").stat().st_size > 10_000


def test_the_lines_are_the_device():
    programming, reading, drifting = devices.plot_device(devices.RRAM, times=[1.0, 100.0]).axes
    ratio = reading.lines[0].get_ydata() / reading.lines[0].get_xdata()
    assert np.allclose(ratio, 0.1)
    assert np.allclose(programming.lines[1].get_ydata(), 0)
    start, end = drifting.lines[0].get_ydata()
    assert end / start == pytest.approx(100**-0.04, rel=1e-6)


def test_a_fit_is_drawn_over_its_data():
    fitted = devices.fit(measure(TRUE))
    figure = devices.plot_fit(fitted)
    programming = figure.axes[0]
    assert len(programming.lines[0].get_xdata()) == 400
    assert "p = " in programming.texts[0].get_text()
    once = devices.plot_fit(devices.fit(measure(TRUE, times=(1.0,), reads=1)))
    assert once.axes[1].texts[0].get_text() == "no repeated reads"
    assert once.axes[2].texts[0].get_text() == "cells were not followed"
