"""Reference columns: what they subtract, what they see, and what they must not change."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

import crossbar as xb
from calibration import layer_deviations
from devices import StuckCells
from mapping import map_weight, merge_columns, release_empty_tiles, squeeze_out

WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
QUIET = replace(xb.devices.RRAM, read_noise=None, levels=None)
MAPPING = xb.MappingConfig(
    weight_bits=7, cell_bits=4, rows=16, cols=6, encoding="offset", reference_column=True
)  # slices of 4 and 3 bits
STATIC = xb.InputConfig(bits=6, range="static", maximum=1.0)
CONFIG = xb.CrossbarConfig(device=QUIET, mapping=MAPPING, inputs=xb.InputConfig(bits=6))


def chip(config, *, inputs=40, outputs=10, seed=0):
    """Return a programmed layer without bias; the same seed gives the same weights."""
    torch.manual_seed(seed)
    layer = xb.convert_to_analog(nn.Linear(inputs, outputs, bias=False), config).eval()
    layer.program(generator=torch.Generator().manual_seed(seed))
    return layer


@pytest.mark.parametrize("slicing", ["inter", "intra"])
@pytest.mark.parametrize("adc", [None, xb.ADC(bits=16)], ids=["collapsed", "tiled"])
def test_an_ideal_array_needs_no_reference(adc, slicing):
    config = replace(CONFIG, adc=adc, mapping=replace(MAPPING, slicing=slicing))
    x = torch.rand(5, 40)
    with torch.no_grad():
        number = chip(replace(config, mapping=replace(config.mapping, reference_column=False)))(x)
        torch.testing.assert_close(chip(config)(x), number, rtol=1e-4, atol=2e-4)


def test_a_reference_fades_with_the_weights():
    """Drift that divides every conductance by ten divides the weights by ten; a subtracted number would stay."""
    layer = chip(replace(CONFIG, device=replace(QUIET, drift=xb.devices.FeFET.drift)))
    half = layer.array.scale / 2  # the part of the offset that stays a number
    fresh = layer.array.effective_weight.clone()
    layer.drift(1e10)
    torch.testing.assert_close(layer.array.effective_weight + half, (fresh + half) / 10, rtol=1e-4, atol=1e-5)
    number = chip(replace(layer.array.config, mapping=replace(MAPPING, reference_column=False)))
    number.drift(1e10)
    assert float((number.array.effective_weight - fresh / 10).abs().min()) > 0.1 * float(fresh.abs().max())


def test_wires_act_on_the_reference():
    """Tile by tile, each bit line minus the reference, against transfer matrices solved here."""
    layer = chip(replace(CONFIG, wires=WIRES))
    placement, expected = layer.array.placement, torch.full((40, 10), -0.5, dtype=torch.float64)
    for tile in range(placement.tiles):
        index = placement.column_index[tile]
        reference = int(torch.nonzero(index >= 10))
        step = 18e-6 / (2.0 ** placement.column_bits[tile].double().clamp(min=1) - 1)
        cells = torch.where(placement.used[tile], 2e-6 + placement.levels[tile] * step, 0)
        cells[:, reference] = 11e-6 * placement.used[tile, :, reference]
        transfer = xb.transfer_matrix(cells, WIRES)
        rows = placement.row_index[tile].long()
        for column in torch.nonzero((index >= 0) & (index < 10))[:, 0].tolist():
            current = transfer[:, column] - transfer[:, reference]
            units = current * placement.column_significance[tile, column] / step[column]
            expected[rows[rows >= 0], index[column]] += units[rows >= 0]
    expected *= float(placement.scale)
    torch.testing.assert_close(layer.array.effective_weight.t().double(), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("cell_bits", [1, 2, 4, 7])
def test_wires_spare_a_reference_more_than_a_number(cell_bits):
    """Wires shift all weights of an offset mapping alike, which PC2 cannot see, and scatter them, which it can."""
    shift, pc2 = {}, {}
    for reference in (True, False):
        mapping = replace(MAPPING, cell_bits=cell_bits, rows=64, cols=64, reference_column=reference)
        layer = chip(replace(CONFIG, wires=WIRES, mapping=mapping), inputs=128, outputs=128)
        ideal = layer.array.placement.to_weight()
        gain = float(layer_deviations(nn.Sequential(layer), currents=False).gain[0])
        shift[reference] = float((layer.array.effective_weight.t() / gain - ideal).mean().abs() / ideal.std())
        pc2[reference] = float(layer_deviations(nn.Sequential(layer), currents=False).pc2[0])
    assert shift[False] > 1
    assert shift[True] < 0.15
    assert pc2[True] < pc2[False]


def test_an_adc_without_loss_gives_the_collapsed_read():
    x = torch.rand(7, 40)
    config = replace(CONFIG, wires=WIRES)
    tiled = replace(config, adc=xb.ADC(bits=20), inputs=xb.InputConfig(bits=6, dac_bits=1))
    with torch.no_grad():
        torch.testing.assert_close(chip(tiled)(x), chip(config)(x), rtol=1e-4, atol=1e-4)


def test_fresh_noise_of_a_reference_is_common_to_its_bit_lines():
    noise = xb.devices.RelativeReadNoise(ratio=0.2)
    layer = chip(replace(CONFIG, device=replace(QUIET, read_noise=noise), inputs=STATIC))
    assert layer.plan.kind == "tiled"
    assert "reference column" in layer.plan.reason
    x = torch.rand(1, 40)
    with torch.no_grad():
        reads = layer(x.expand(40_000, -1)).double()
    # Each output subtracts 16 x 7 windows of one reference, at 11 uS in a window of 18, and 15 windows of another.
    unit = 0.2 * 11 / 18 * float(layer.array.scale) / 63
    codes = (x[0] * 63).round().double()
    common = unit**2 * ((16 * 7) ** 2 + 15**2) * float(codes.square().sum())
    covariance = torch.cov(reads.t())
    beside, apart = covariance[0, 1], covariance[0, 8]  # outputs 0 to 5 share arrays, 6 to 9 have others
    tolerance = 5 * float(covariance.diagonal().max()) / 40_000**0.5
    assert abs(float(beside) - common) < tolerance
    assert abs(float(apart)) < tolerance
    assert common > 3 * tolerance


def test_a_reference_leaves_the_other_cells_alone():
    device = replace(QUIET, programming=xb.devices.GaussianProgramming(spread=0.1))
    chips = [
        chip(replace(CONFIG, device=device, mapping=replace(MAPPING, cols=cols, reference_column=reference)))
        for cols, reference in ((6, True), (3, True), (6, False))
    ]
    cells = []
    for layer in chips:
        placement = layer.array.placement
        upper = (placement.column_significance == 16) & (placement.column_index < 10)
        values = torch.zeros(40, 10)
        for tile, column in torch.nonzero(upper).tolist():
            rows = placement.row_index[tile].long()
            values[rows[rows >= 0], placement.column_index[tile, column]] = layer.array.programmed[
                tile, rows >= 0, column
            ]
        cells.append(values)
    assert torch.equal(cells[0], cells[1])
    assert torch.equal(cells[0], cells[2])


def test_groups_have_references_of_their_own():
    torch.manual_seed(0)
    config = replace(CONFIG, wires=WIRES, mapping=replace(MAPPING, cols=3))
    both = nn.Conv1d(8, 10, 3, groups=2, bias=False)
    analog = xb.convert_to_analog(both, config).eval()
    analog.program()
    for number, weight in enumerate(both.weight.split(5)):
        single = nn.Conv1d(4, 5, 3, bias=False)
        single.weight.data = weight.detach() * 1.0
        single.weight.data[0, 0, 0] = both.weight.abs().max()  # the same scale
        alone = xb.convert_to_analog(single, config).eval()
        alone.program()
        ours = analog.array.effective_weight[number * 5 : number * 5 + 5]
        torch.testing.assert_close(ours[3:], alone.array.effective_weight[3:], rtol=1e-4, atol=1e-5)


def test_a_checkpoint_brings_its_references():
    config = replace(CONFIG, wires=WIRES, adc=xb.ADC(bits=8))
    ours, theirs = chip(config), chip(config, seed=1)
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(3, 40)
    with torch.no_grad():
        assert torch.equal(theirs(x), ours(x))


def test_a_mapping_without_an_offset_has_nothing_to_refer_to():
    with pytest.raises(ValueError, match="`reference_column` needs encoding='offset'"):
        xb.MappingConfig(reference_column=True)
    for setting in ({"squeezed_planes": 3}, {"release_empty": True}, {"merge_columns": True}):
        with pytest.raises(ValueError, match=f"`reference_column` needs all columns.*Got {next(iter(setting))}="):
            replace(MAPPING, **setting)
    assert MAPPING.squeezable_planes() == (0,)


@pytest.mark.parametrize("verb", [partial(squeeze_out, planes=3), merge_columns, release_empty_tiles])
def test_verbs_that_drop_columns_refuse_references(verb):
    with pytest.raises(ValueError, match=r"no reference columns\. Got 2\. Map with reference_column=False"):
        verb(map_weight(torch.randn(20, 5), MAPPING))


@pytest.mark.filterwarnings("ignore:`given` is deprecated")
def test_known_faults_are_those_of_weights():
    for fault in ("open", (0, 9)), ("g_max", (3, 0)):
        device = replace(QUIET, stuck=StuckCells(given=(fault,)))
        placement = chip(replace(CONFIG, device=device)).array
        column = placement.column_index[torch.nonzero(placement.stuck)[:, 0], torch.nonzero(placement.stuck)[:, 2]]
        assert column.tolist() == [fault[1][1]] * 2  # both slices


def test_a_reference_does_not_move_the_stream_of_the_chips():
    device = replace(QUIET, programming=xb.devices.GaussianProgramming(spread=0.1))
    after = []
    for reference in (True, False):
        generator = torch.Generator().manual_seed(0)
        config = replace(CONFIG, device=device, mapping=replace(MAPPING, reference_column=reference))
        xb.convert_to_analog(nn.Linear(40, 10), config).program(generator=generator)
        after.append(generator.get_state())
    assert torch.equal(after[0], after[1])


def test_the_collapsed_plan_refuses_noise_that_bit_lines_share():
    device = replace(QUIET, read_noise=xb.devices.RelativeReadNoise(ratio=0.1))
    with pytest.raises(ValueError, match="that of a reference column is common"):
        replace(CONFIG, device=device, plan="collapsed")
