"""Reads of groups that share arrays, against the same groups in arrays of their own and against the referee's circuit."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.array.read_count import ReadCount, count_reads
from devices import GaussianProgramming, conductance_at
from mapping import footprint
from mapping.placement import plane_cell_index
from tests.reference import circuit

GROUPS, CHANNELS, KERNEL = 6, 2, 2
WIRES = xb.Wires(row=20.0, column=30.0, driver=400.0, sense=300.0)
DEVICE = xb.Device(g_min=2e-6, g_max=40e-6, programming=GaussianProgramming(spread=0.05))
LAYOUTS = {
    "arrays": {"pairs": "arrays"},
    "bit_lines": {"pairs": "bit_lines"},
    "word_lines": {"pairs": "word_lines"},
    "intra": {"slicing": "intra"},
    "offset": {"encoding": "offset"},
    "twos_complement": {"encoding": "twos_complement", "slicing": "intra"},
    "sorted": {"row_order": "sorted"},
    "merged": {"merge_columns": True},
}


def configured(layout="arrays", packing="absent", **settings):
    mapping = xb.MappingConfig(
        weight_bits=5, cell_bits=2, rows=36, cols=24, group_packing=packing, **LAYOUTS.get(layout, {})
    )
    inputs = xb.InputConfig(bits=5, dac_bits=2, range="static", maximum=2.0)
    return xb.CrossbarConfig(**{"device": DEVICE, "mapping": mapping, "inputs": inputs, **settings})


def programmed(config, seed=0, kind=nn.Conv2d):
    torch.manual_seed(0)
    layer = kind(GROUPS * CHANNELS, GROUPS * 2, KERNEL, groups=GROUPS)
    model = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(seed))
    return model


def image():
    return torch.randn(3, GROUPS * CHANNELS, 4, 4, generator=torch.Generator().manual_seed(1)).clamp(-2, 2)


def read(model):
    with torch.no_grad():
        return model(image())


def chip(model):
    """Return the conductance of every cell by plane, input and output [S]; -1 where there is no cell."""
    array = model.array
    placement = array.placement
    cells = torch.full((placement.planes * placement.inputs_per_group * placement.outputs,), -1.0)
    conductance = conductance_at(array.config.device, array.cells, 0.0)
    cells[plane_cell_index(placement, slice(None))[placement.used]] = conductance[placement.used]
    return cells


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("adc", [None, xb.ADC(bits=6, range="full"), xb.ADC(bits=6, range="column")], ids=str)
def test_each_group_reads_as_in_arrays_of_its_own(layout, adc):
    packed, apart = (programmed(configured(layout, packing, adc=adc)) for packing in ("absent", "none"))
    assert torch.equal(chip(packed), chip(apart))
    assert packed.array.placement.tiles < apart.array.placement.tiles
    torch.testing.assert_close(read(packed), read(apart), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
@pytest.mark.parametrize("wires", [xb.Wires(), WIRES], ids=["ideal", "wires"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_collapsed_reads_are_tiled_reads(layout, wires, kind):
    collapsed, tiled = (
        programmed(configured(layout, wires=wires, plan=plan), kind=kind) for plan in ("collapsed", "tiled")
    )
    torch.testing.assert_close(read(tiled), read(collapsed), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layout", ["arrays", "bit_lines", "word_lines", "offset"])
def test_packed_arrays_are_solved_with_their_wires(layout):
    """The transfer matrices are the referee's for the packed array, and cross no group."""
    array = programmed(configured(layout, wires=WIRES)).array
    placement, transfer = array.placement, array.solve()
    conductance = conductance_at(DEVICE, array.cells, 0.0).masked_fill(~placement.used, 0)
    for tile in (0, placement.tiles - 1):
        expected = torch.from_numpy(circuit.transfer(conductance[tile].double().numpy(), WIRES))
        torch.testing.assert_close(transfer[tile].double(), expected, rtol=1e-4, atol=1e-11)
        assert float(expected[~placement.used[tile]].abs().max()) < 1e-12
    wired, ideal = (read(programmed(configured(layout, wires=wires))) for wires in (WIRES, xb.Wires()))
    assert float((wired - ideal).abs().max()) > 1e-3


@pytest.mark.parametrize("undriven", ["grounded", "open"])
@pytest.mark.parametrize("rows", [2, 4, 6])
def test_operation_units_convert_only_bit_lines_with_cells_on_them(rows, undriven):
    settings = {"parallel_rows": rows, "undriven": undriven, "wires": WIRES}
    for layout in ("arrays", "word_lines", "merged"):
        exact = programmed(configured(layout, **settings))
        fine = programmed(configured(layout, adc=xb.ADC(bits=20, range="column"), **settings))
        torch.testing.assert_close(read(fine), read(exact), rtol=1e-3, atol=1e-3)
        array = fine.array
        count_reads(array, torch.ones(1, array.placement.inputs), count := ReadCount())
        counted = footprint(array.placement, array.config.inputs.cycles, parallel_rows=rows)
        assert count.conversions == counted.adc_conversions


def test_read_noise_is_that_of_the_cells():
    noisy = replace(DEVICE, read_noise=xb.devices.RelativeReadNoise(ratio=0.1))
    packed, apart = (programmed(configured(packing=packing, device=noisy)) for packing in ("absent", "none"))
    torch.testing.assert_close(packed.array.reader.variance, apart.array.reader.variance)


def test_cells_of_packed_arrays_are_programmed_for_the_wires():
    exact = replace(DEVICE, programming=xb.devices.ExactProgramming())
    ideal = read(programmed(configured(device=exact)))
    wired = configured(device=exact, wires=WIRES)
    blind = (read(programmed(wired)) - ideal).abs().mean()
    known = (read(programmed(replace(wired, compensation=xb.WireCompensation()))) - ideal).abs().mean()
    assert known < 0.05 * blind


def test_a_report_counts_packed_arrays_in_every_baseline():
    model = programmed(configured())
    report = xb.mapping_report(model)
    assert int(report["crossbars"].sel(mapping="own").sum()) == model.array.placement.tiles == 4 * 2
    assert int(report["crossbars"].sel(mapping="dense_inter").sum()) == 8 * 2


def test_a_checkpoint_keeps_packed_groups():
    config = configured(adc=xb.ADC(bits=6), wires=WIRES)
    ours, theirs = programmed(config), programmed(config, seed=1)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(read(theirs), read(ours))


@pytest.mark.parametrize("settings", [{"release_empty": True, "merge_columns": True}, {"merge_columns": True}])
@pytest.mark.parametrize("adc", [None, xb.ADC(bits=12)])
def test_word_lines_of_a_group_without_a_one_are_not_read(settings, adc):
    """Their bit lines are dropped, so that operation units of them have nothing to convert."""
    quiet = xb.Device(g_min=2e-6, g_max=40e-6)
    torch.manual_seed(0)
    layer = nn.Conv2d(GROUPS * CHANNELS, GROUPS * 2, KERNEL, groups=GROUPS)
    with torch.no_grad():
        layer.weight[2:4] = 0
    packed, apart = (
        configured(packing=packing, device=quiet, adc=adc, parallel_rows=4) for packing in ("absent", "none")
    )
    packed = replace(packed, mapping=replace(packed.mapping, **settings), plan="tiled")
    models = [xb.convert_to_analog(layer, config).eval() for config in (packed, apart)]
    for model in models:
        xb.program_analog_weights(model)
    shared, own = (read(model) for model in models)
    full_scale = 2.0 * layer.weight.flatten(1).abs().sum(1).max()
    assert (shared - own).abs().max() <= (1e-5 if adc is None else 2e-2) * full_scale
    assert torch.allclose(shared[:, 2:4], layer.bias[2:4].detach().view(1, 2, 1, 1).expand_as(shared[:, 2:4]))
