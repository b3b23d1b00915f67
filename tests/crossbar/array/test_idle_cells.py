"""Arrays of several groups with idle cells at g_min where lines of one group cross those of another."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from devices import FaultMap, conductance_at
from mapping import footprint
from mapping.accounting import dense_footprint
from tests.crossbar.array.test_group_packing import (
    DEVICE,
    GROUPS,
    LAYOUTS,
    WIRES,
    chip,
    configured,
    image,
    programmed,
    read,
)

EXACT = replace(DEVICE, programming=devices.ExactProgramming())
INPUTS = xb.InputConfig(bits=5, dac_bits=2, range="static", maximum=2.0, negative="offset")


def idle(layout="arrays", **settings):
    return programmed(configured(layout, "g_min", **settings))


def by_input(model):
    """Return what each input alone gives, (inputs, outputs), for a model of vectors."""
    size = model.array.placement.inputs
    return model.array.read_vectors(torch.eye(size))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
def test_without_wires_and_errors_groups_read_as_alone(layout, plan):
    packed, apart = (programmed(configured(layout, packing, device=EXACT, plan=plan)) for packing in ("g_min", "none"))
    assert packed.array.placement.crossed_groups > 1
    torch.testing.assert_close(read(packed), read(apart), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_collapsed_reads_are_tiled_reads(layout, kind):
    settings = {"wires": WIRES, "inputs": INPUTS}
    collapsed, tiled = (
        programmed(configured(layout, "g_min", plan=plan, **settings), kind=kind) for plan in ("collapsed", "tiled")
    )
    torch.testing.assert_close(read(tiled), read(collapsed), rtol=1e-4, atol=1e-4)
    fine = programmed(configured(layout, "g_min", adc=xb.ADC(bits=20, range="column"), **settings), kind=kind)
    torch.testing.assert_close(read(fine), read(collapsed), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("layout", ["arrays", "bit_lines", "word_lines", "offset"])
def test_arrays_are_solved_with_their_idle_cells(layout):
    """Currents of all bit lines, those of other groups included, are those of `solve_crossbar` on the whole array."""
    device = replace(DEVICE, programming=devices.LognormalProgramming(log_spread=0.2))
    array = idle(layout, device=device, wires=WIRES).array
    placement = array.placement
    transfer = array.solve()
    conductance = conductance_at(device, array.cells, 0.0)
    for tile in (0, placement.tiles - 1):
        cells = placement.present[tile]
        assert bool((conductance[tile][cells] > 0).all())
        assert not bool(conductance[tile][~cells].any())
        voltages = torch.rand(4, len(cells), generator=torch.Generator().manual_seed(tile))
        solution = xb.solve_crossbar(conductance[tile].double(), voltages.double(), WIRES, tolerance=1e-12)
        torch.testing.assert_close(voltages @ transfer[tile], solution.output_currents.float(), rtol=2e-4, atol=1e-9)
        assert float(transfer[tile][placement.crossings[tile]].min()) > 0


@pytest.mark.parametrize("layout", ["arrays", "offset", "twos_complement"])
def test_wires_make_crosstalk(layout):
    """An input reaches outputs of other groups of its array, less than its own, and those of no other array."""
    model = idle(layout, device=EXACT, wires=WIRES)
    reached = by_input(model)
    placement = model.array.placement
    group = torch.arange(placement.inputs) // placement.inputs_per_group
    owner = torch.arange(placement.outputs) // (placement.outputs // GROUPS)
    array_of = group // placement.crossed_groups
    same_array = array_of[:, None] == owner // placement.crossed_groups
    others = same_array & (group[:, None] != owner)
    assert float(reached[others].abs().min()) > 0
    assert not reached[~same_array].any()
    own = same_array & ~others
    assert float(reached[others].abs().max()) < float(reached[own].abs().max())
    assert not by_input(idle(layout, device=EXACT))[others].abs().gt(1e-5).any()


def test_idle_cells_are_programmed_apart_from_those_of_weights():
    """The cells of weights are the same chip; idle ones have the errors, drift and faults of cells at g_min."""
    device = replace(
        DEVICE, drift=devices.PowerLawDrift(nu=0.05, nu_spread=0.02), stuck=devices.StuckCells(at_g_max=0.2)
    )
    packed, apart = (programmed(configured(packing=packing, device=device)) for packing in ("g_min", "none"))
    assert torch.equal(chip(packed), chip(apart))
    array = packed.array
    crossings = array.placement.crossings
    free = crossings & ~array.cells.stuck
    values = array.cells.programmed[free] / DEVICE.g_min
    assert float(array.cells.stuck[crossings].float().mean()) == pytest.approx(0.2, abs=0.05)
    assert float(array.cells.drift_state[crossings].std()) == pytest.approx(0.02, rel=0.15)
    spread = DEVICE.programming.sigma(torch.tensor(DEVICE.g_min), DEVICE.window) / DEVICE.g_min
    assert len(values.unique()) > 0.4 * len(values)  # half of the normal draws are cut off at no conductance
    assert float(values.max()) < 1 + 6 * float(spread)
    before = array.solve(1.0)[crossings]
    assert float(array.solve(1e5)[free].sum()) < float(array.solve(1.0)[free].sum())
    assert len(before) == int(crossings.sum())


def test_known_faults_are_those_of_weights():
    config = configured(packing="g_min", device=EXACT)
    model = programmed(config)
    size = (model.array.placement.planes, model.array.placement.inputs_per_group, model.array.placement.outputs)
    at_g_max = torch.zeros(size, dtype=torch.bool)
    at_g_max[0, 0, 0] = True
    model.array.program(model.weight_matrix().detach(), faults=FaultMap(g_max=at_g_max), seed=0)
    assert int(model.array.cells.stuck.sum()) == 1
    assert not bool(model.array.cells.stuck[model.array.placement.crossings].any())


def test_fresh_noise_of_idle_cells_is_read_tile_by_tile():
    noisy = replace(EXACT, read_noise=devices.RelativeReadNoise(ratio=0.2))
    model = idle(device=noisy)
    assert model.array.plan.kind == "tiled"
    assert "idle cells" in model.array.plan.reason
    # Only the first group is driven; the others see the noise of idle cells, two per plane: one of each sign.
    placement = model.array.placement
    codes = torch.zeros(4000, placement.inputs)
    codes[:, : placement.inputs_per_group] = 3.0
    torch.manual_seed(0)
    read_out = model.array.read_vectors(codes)[:, 2:4] / placement.scale
    step = DEVICE.window.span / 3
    variance = sum(
        2 * (4.0**plane) * placement.inputs_per_group * (3 * 0.2 * DEVICE.g_min / step) ** 2 for plane in (0, 2)
    )
    assert float(read_out.var()) == pytest.approx(variance, rel=0.05)
    with pytest.raises(ValueError, match=r"`plan='collapsed'` draws fresh read noise.*group_packing='absent'"):
        configured(packing="g_min", device=noisy, plan="collapsed")
    with torch.no_grad():
        plain = xb.convert_to_analog(nn.Linear(4, 3), configured(packing="g_min", device=noisy))
    assert plain.array.plan.kind == "collapsed"


def test_cells_on_their_levels_are_read_as_integers():
    model = idle("offset", device=EXACT, adc=xb.ADC(bits=6, range="full"))
    tiled = idle("offset", device=EXACT, adc=xb.ADC(bits=6, range="full"), plan="tiled")
    assert (model.array.plan.kind, tiled.array.plan.kind) == ("integer", "tiled")
    torch.testing.assert_close(read(model), read(tiled), rtol=1e-5, atol=1e-5)


def test_drift_factors_see_currents_without_what_the_periphery_subtracts():
    from calibration import compensate_drift

    drifting = replace(EXACT, drift=devices.PowerLawDrift(nu=0.05))
    model = idle("offset", device=drifting)
    fresh = read(model)
    xb.drift_analog_weights(model, 1e4)
    drifted = (read(model) - fresh).abs().mean()
    compensate_drift(model)
    assert float((read(model) - fresh).abs().mean()) < 1e-3 * float(drifted)


@pytest.mark.parametrize("rows", [2, 4, 6])
@pytest.mark.parametrize("undriven", ["grounded", "open"])
def test_operation_units_convert_every_bit_line(rows, undriven):
    settings = {"parallel_rows": rows, "undriven": undriven, "wires": WIRES}
    exact, fine = idle(**settings), idle(adc=xb.ADC(bits=20, range="column"), **settings)
    torch.testing.assert_close(read(fine), read(exact), rtol=1e-3, atol=1e-3)
    array = fine.array
    counts = dense_footprint(
        array.config.mapping, inputs=8, outputs=12, groups=GROUPS, cycles=array.config.inputs.cycles, parallel_rows=rows
    )
    assert counts == footprint(array.placement, array.config.inputs.cycles, parallel_rows=rows)
    absent = programmed(configured(adc=xb.ADC(bits=20), **settings)).array
    units = footprint(absent.placement, absent.config.inputs.cycles, parallel_rows=rows)
    assert counts.adc_conversions > units.adc_conversions
    assert counts.cells == units.cells


def test_energy_counts_idle_cells():
    adc = xb.ADC(bits=6)
    counts = {
        packing: xb.count_events(nn.Sequential(programmed(configured(packing=packing, device=EXACT, adc=adc))), image())
        for packing in ("absent", "g_min")
    }
    reads = {packing: float(found.events.sel(layer="0", event="cell_reads")) for packing, found in counts.items()}
    power = {packing: float(found.array_power.sel(layer="0")) for packing, found in counts.items()}
    placement = idle(device=EXACT).array.placement
    assert reads["g_min"] / reads["absent"] == pytest.approx(float(placement.present.sum() / placement.used.sum()))
    assert power["g_min"] > 1.05 * power["absent"]


def test_a_frozen_chip_and_a_checkpoint_keep_crosstalk():
    config = configured("offset", "g_min", wires=WIRES)
    ours, theirs = programmed(config), programmed(config, seed=1)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(read(theirs), read(ours))
    expected = read(ours)
    xb.freeze_analog_weights(ours)
    assert torch.equal(read(ours), expected)
    unprogrammed = xb.convert_to_analog(nn.Conv2d(12, 12, 2, groups=6), config).eval()
    unprogrammed.load_state_dict(ours.state_dict())
    assert torch.equal(read(unprogrammed), expected)


def test_gradients_see_crosstalk():
    model = idle(wires=WIRES)
    x = image().requires_grad_()
    model(x)[:, :2].sum().backward()  # outputs of the first group
    own, others = x.grad[:, :2].abs().max(), x.grad[:, 2:6].abs().max()
    assert 0 < float(others) < float(own)


def test_what_tells_groups_apart_is_refused():
    with pytest.raises(
        ValueError, match=r"`compensation` makes up for the wires within a group.*group_packing='absent'"
    ):
        configured(packing="g_min", wires=WIRES, compensation=xb.WireCompensation())
    with pytest.raises(ValueError, match=r"cannot tell groups .*group_packing='g_min'"):
        xb.program_by_products(idle(wires=WIRES), seed=0)


def test_training_sees_crosstalk():
    model = xb.convert_to_analog(
        nn.Conv2d(12, 12, 2, groups=6),
        configured(packing="g_min", device=EXACT, wires=WIRES, training=xb.TrainingEffects(wires=True)),
    )
    seen = model.train()(image())
    seen.square().sum().backward()
    assert float(model.weight.grad.abs().min()) > 0
    xb.program_analog_weights(model, seed=0)
    torch.testing.assert_close(read(model.eval()), seen.detach(), rtol=1e-5, atol=1e-6)
