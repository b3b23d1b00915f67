"""Every effect and preset gives the moments its source states; `benchmarks/device_library.py` prints them."""

import pytest

import devices
from benchmarks.device_moments import all_moments

MOMENTS = all_moments()


@pytest.mark.parametrize("moment", MOMENTS, ids=[f"{m.member}: {m.what}" for m in MOMENTS])
def test_samples_give_the_stated_moment(moment):
    assert moment.measure(200_000) == pytest.approx(moment.stated, rel=0.02)


def test_every_member_states_a_moment():
    stated = {moment.member for moment in MOMENTS}
    assert set(devices.find_presets()) <= stated
    members = {
        name
        for name in dir(devices)
        if name.endswith(("Programming", "ReadNoise", "Drift", "StuckCells")) and not name.startswith("Abstract")
    }
    assert members - stated == {"StateDependentPowerLawDrift"}  # stated by the phase-change presets
