"""Faults: their rates, their maps, and what a map refuses."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import devices

WINDOW = devices.Window(g_min=1e-6, g_max=1e-5)


def draw(stuck, target, seed=0):
    return stuck.draw(target, WINDOW, generator=torch.Generator().manual_seed(seed))


def test_rates():
    stuck = devices.StuckCells(at_g_min=0.1, at_g_max=0.04, open=0.02)
    held = draw(stuck, torch.zeros(1_000_000, dtype=torch.float64))
    for value, rate in ((WINDOW.g_min, 0.1), (WINDOW.g_max, 0.04), (0.0, 0.02)):
        assert float((held == value).double().mean()) == pytest.approx(rate, rel=0.02)
    assert float(held.isnan().double().mean()) == pytest.approx(0.84, rel=0.002)


@given(low=st.floats(0, 0.4), high=st.floats(0, 0.4), more=st.floats(0, 0.1))
def test_raising_a_rate_frees_no_cell(low, high, more):
    target = torch.zeros(200)
    few = draw(devices.StuckCells(at_g_min=low, at_g_max=high), target)
    many = draw(devices.StuckCells(at_g_min=low + more, at_g_max=high + more), target)
    assert not many[~few.isnan()].isnan().any()


@pytest.mark.filterwarnings("ignore:`given` is deprecated")
def test_a_map_is_what_it_says():
    maps = {name: torch.zeros(3, 4, dtype=torch.bool) for name in ("g_min", "g_max", "open")}
    maps["g_min"][0, 1] = maps["g_max"][2, 3] = maps["open"][1, 0] = True
    stuck = devices.stuck_cells_from_maps(**maps)
    held = draw(stuck, torch.full((2, 3, 4), 5e-6, dtype=torch.float64))
    for plane in held:
        assert plane[0, 1] == WINDOW.g_min
        assert plane[2, 3] == WINDOW.g_max
        assert plane[1, 0] == 0
        assert int((~plane.isnan()).sum()) == 3
    assert hash(stuck) == hash(devices.stuck_cells_from_maps(**maps))


@pytest.mark.filterwarnings("ignore:`given` is deprecated")
def test_a_full_index_hits_one_slice():
    held = draw(devices.StuckCells(given=(("open", (1, 2, 3)),)), torch.ones(2, 3, 4))
    assert (~held.isnan()).nonzero().tolist() == [[1, 2, 3]]


@pytest.mark.filterwarnings("ignore:`given` is deprecated")
def test_bad_faults_are_refused():
    with pytest.raises(ValueError, match=r"`at_g_min \+ at_g_max \+ open` must be <= 1"):
        devices.StuckCells(at_g_min=0.7, at_g_max=0.7)
    with pytest.raises(ValueError, match=r"`at_g_min` must lie in \[0, 1\]"):
        devices.StuckCells(at_g_min=-0.1)
    with pytest.raises(ValueError, match="`given fault` must be one of"):
        devices.StuckCells(given=(("short", (0, 0)),))
    with pytest.raises(ValueError, match="`given index` must be >= 0"):
        devices.StuckCells(given=(("open", (0, -1)),))
    for index in ((3, 0), (0, 0, 0)):
        with pytest.raises(ValueError, match="must lie inside the conductances"):
            draw(devices.StuckCells(given=(("open", index),)), torch.ones(3, 4))
    both = torch.ones(1, 1, dtype=torch.bool)
    with pytest.raises(ValueError, match="stuck in one way only"):
        devices.stuck_cells_from_maps(g_min=both, open=both)
    with pytest.raises(ValueError, match="must be a boolean map"):
        devices.stuck_cells_from_maps(open=torch.ones(2))
