"""Known faults belong to the chip: they act as the deprecated field of the technology did, and refuse what cannot be."""

import dataclasses

import pytest
import torch

import crossbar as xb
import devices

DEVICE = devices.Device(
    g_min=1e-6,
    g_max=1e-5,
    programming=devices.GaussianProgramming(spread=0.05),
    drift=devices.PowerLawDrift(nu=0.1),
    stuck=devices.StuckCells(at_g_min=0.1, at_g_max=0.1, open=0.1),
)
TARGET = torch.full((2, 30, 40), 5e-6, dtype=torch.float64)


def program(device=DEVICE, faults=None, seed=0):
    return devices.program_cells(device, TARGET, faults=faults, generator=torch.Generator().manual_seed(seed))


def maps(seed=0, shape=(30, 40)):
    """Return three maps that share no cell."""
    kind = torch.randint(20, shape, generator=torch.Generator().manual_seed(seed))
    return {"g_min": kind == 0, "g_max": kind == 1, "open": kind == 2}


@pytest.mark.parametrize("shape", [(30, 40), (2, 30, 40)])
def test_faults_hold_for_life_and_leave_every_other_draw_alone(shape):
    given = maps(shape=shape)
    without, cells = program(), program(faults=devices.FaultMap(**given))
    values = {"g_min": 1e-6, "g_max": 1e-5, "open": 0.0}
    anywhere = torch.zeros_like(TARGET, dtype=torch.bool)
    for name, where in given.items():
        where = where.expand_as(TARGET)
        anywhere |= where
        for t in (0.0, 1e4):
            assert (devices.conductance_at(DEVICE, cells, t)[where] == values[name]).all()
    assert torch.equal(cells.stuck, without.stuck | anywhere)
    assert torch.equal(cells.programmed[~anywhere], without.programmed[~anywhere])


@pytest.mark.filterwarnings("ignore:`given` is deprecated")
def test_the_deprecated_field_gives_the_same_chip():
    given = maps()
    old = dataclasses.replace(DEVICE, stuck=devices.stuck_cells_from_maps(**given))
    new = dataclasses.replace(DEVICE, stuck=None)
    assert torch.equal(program(old).programmed, program(new, devices.FaultMap(**given)).programmed)
    config = xb.CrossbarConfig(device=old)
    assert xb.config_from_json(xb.config_to_json(config)) == config


def test_the_deprecated_field_says_what_to_use():
    with pytest.warns(DeprecationWarning, match=r"program_analog_weights\(model, faults="):
        devices.StuckCells(given=(("open", (0, 0)),))
    with pytest.warns(DeprecationWarning, match="FaultMap"):
        devices.stuck_cells_from_maps(**maps())


def test_maps_that_cannot_be_are_refused():
    both = torch.ones(3, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"`open` must leave out the cells of the other maps.*\(0, 0\)"):
        devices.FaultMap(g_min=both, open=both)
    with pytest.raises(ValueError, match=r"`open` must leave out"):
        devices.FaultMap(g_min=both, open=both[None])
    with pytest.raises(TypeError, match="`g_max` must be a boolean map"):
        devices.FaultMap(g_max=torch.ones(2))
    with pytest.raises(ValueError, match=r"`open` must have the last dimensions of the other maps, \(3, 4\)"):
        devices.FaultMap(g_min=both, open=both[:2])
    for shape in ((30, 41), (1, 40), (1, 2, 30, 40)):
        faults = devices.FaultMap(open=torch.zeros(shape, dtype=torch.bool))
        with pytest.raises(ValueError, match=r"`open` must have the shape of the cells, \(2, 30, 40\)"):
            program(faults=faults)
