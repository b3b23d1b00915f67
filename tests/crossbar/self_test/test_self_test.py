"""Arrays that test themselves: what they find, how often they are wrong, and what repairs give back."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from crossbar import attacks, self_test
from crossbar.array.rewriting import rewrite_cells
from crossbar.self_test.arrays import line_weights, make_test_array, read_lines, row_patterns
from crossbar.self_test.judge import pattern_noise
from tests.crossbar.attacks.test_attacks import CELL, MAPPINGS, chip

NOISY = replace(CELL, read_noise=devices.RelativeReadNoise(ratio=0.1))
"""Fresh noise of the ratio of RRAM in arXiv 2305.18416."""
FINGERPRINT = self_test.SelfTest(reference="fingerprint")


def weights(analog):
    return {name: layer.array.effective_weight.clone() for name, layer in xb.named_analog_layers(analog)}


def flipped_tiles(table):
    return set(zip(table.layer.values.tolist(), table.tile.values.tolist(), strict=True))


def alarmed_tiles(report):
    return flipped_tiles(report.isel(array=report.alarm.values.astype(bool)))


def addresses(table):
    return set(zip(*(table[name].values.tolist() for name in ("layer", "tile", "row", "column")), strict=True))


@pytest.mark.parametrize("reference", ["sums", "fingerprint"])
@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_without_noise_every_flip_is_found_where_it_is_and_mended(mapping, reference):
    analog = chip(**mapping)
    checksums = self_test.program_checksums(analog, self_test.SelfTest(reference=reference))
    report = self_test.check_arrays(analog, checksums)
    assert not report.alarm.any()
    arrays = [layer.array.placement.tiles for _, layer in xb.named_analog_layers(analog)]
    assert report.sizes["array"] == sum(arrays)
    before = weights(analog)
    table = attacks.flip_cells(analog, attacks.random_flips(analog, 4, seed=2))
    report = self_test.check_arrays(analog, checksums)
    assert alarmed_tiles(report) == flipped_tiles(table)
    faults = self_test.find_faults(analog, checksums, report)
    assert addresses(faults) <= addresses(table)
    while report.alarm.any():  # two flips of an array may lie in two of its patterns
        self_test.repair_faults(analog, faults)
        report = self_test.check_arrays(analog, checksums)
        faults = self_test.find_faults(analog, checksums, report)
    for name, weight in weights(analog).items():
        torch.testing.assert_close(weight, before[name], rtol=1e-5, atol=1e-6)


def big_chip(device=NOISY, **settings):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(256, 128, bias=False))
    mapping = xb.MappingConfig(rows=32, cols=32, cell_bits=1, weight_bits=8)
    config = xb.CrossbarConfig(device=device, mapping=mapping, **settings)
    analog = xb.convert_to_analog(model, config).eval()
    xb.program_analog_weights(analog, seed=0)
    return analog


@pytest.mark.parametrize("settings", [{}, {"adc": xb.ADC(bits=8)}], ids=["no converters", "8-bit ADC"])
def test_the_noise_of_a_test_is_what_was_said(settings):
    """Over 448 arrays x 8 patterns the deviations have standard deviation 1, and alarms their rate."""
    torch.manual_seed(1)
    analog = big_chip(**settings)
    reference = "fingerprint" if settings else "sums"
    test_settings = self_test.SelfTest(word_lines=4, false_alarms=0.05, reference=reference)
    checksums = self_test.program_checksums(analog, test_settings, seed=0)
    array, lines = analog[0].array, checksums["0"]
    assert array.placement.tiles == 448
    report = self_test.check_arrays(analog, checksums)
    test = make_test_array(array, lines)
    patterns, weights = row_patterns(32, 4, torch.device("cpu")), line_weights(array.placement, lines)
    deviation = pattern_noise(test, patterns, weights).deviation(lines.repeats, fingerprint=bool(settings))
    given = [(read_lines(test, patterns, repeats=lines.repeats) * weights[:, None]).sum(2) for _ in range(2)]
    spread = (given[1] - given[0]) / deviation / (1 if settings else 2**0.5)
    assert float(spread.std()) == pytest.approx(1, rel=0.04)  # of 3584 numbers
    assert float(spread.mean()) == pytest.approx(0, abs=0.07)
    assert 3 < float(report.deviation.max()) < 6
    alarms = sum(int(self_test.check_arrays(analog, checksums).alarm.sum()) for _ in range(3))
    assert 0.05 * 448 * 3 * 0.5 < alarms < 0.05 * 448 * 3 * 1.5


@pytest.mark.parametrize("settings", [{}, {"adc": xb.ADC(bits=8)}], ids=["no converters", "8-bit ADC"])
def test_flips_are_found_over_noise(settings):
    torch.manual_seed(2)
    analog = big_chip(**settings)
    reference = "fingerprint" if settings else "sums"
    test_settings = self_test.SelfTest(false_alarms=1e-3, misses=0.01, reference=reference)
    checksums = self_test.program_checksums(analog, test_settings, seed=0)
    false = int(self_test.check_arrays(analog, checksums).alarm.sum())
    table = attacks.flip_cells(analog, attacks.random_flips(analog, 100, seed=3))
    report = self_test.check_arrays(analog, checksums)
    hit = flipped_tiles(table)
    found = alarmed_tiles(report)
    # Expected: 0.45 false alarms of 448; each flip is missed once in 100, and some arrays have two.
    assert false <= 3
    assert len(found & hit) >= 0.95 * len(hit)
    assert len(found - hit) <= 3
    faults = self_test.find_faults(analog, checksums, report)
    right = addresses(faults) & addresses(table)
    assert len(right) >= 0.9 * 100
    assert len(addresses(faults) - addresses(table)) <= 5


def test_more_reads_where_noise_is_larger():
    reads = []
    for ratio in (0.02, 0.05, 0.1):
        analog = big_chip(replace(CELL, read_noise=devices.RelativeReadNoise(ratio=ratio)))
        checksums = self_test.program_checksums(analog)
        reads.append(float(self_test.checksum_cost(analog, checksums).reads[0]))
    # The variance grows with the square of the ratio.
    assert reads[2] / reads[0] == pytest.approx(25, rel=0.1)
    assert reads[2] / reads[1] == pytest.approx(4, rel=0.1)


def test_rounding_that_no_noise_shakes_asks_for_a_fingerprint():
    with pytest.raises(devices.FieldError, match="fingerprint"):
        self_test.program_checksums(big_chip(CELL, adc=xb.ADC(bits=5)))


HARD = {
    "programming errors": (replace(CELL, programming=devices.GaussianProgramming(spread=0.05)), {}),
    "wires": (CELL, {"wires": xb.Wires(row=5.0, column=5.0, driver=100.0)}),
    "frozen noise": (replace(CELL, read_noise=devices.RelativeReadNoise(ratio=0.1, draw="programming")), {}),
    "converters": (CELL, {"adc": xb.ADC(bits=8, gain_spread=0.01, offset_spread=0.5)}),
}


@pytest.mark.parametrize("name", HARD)
def test_a_fingerprint_sees_through_what_stays(name):
    device, settings = HARD[name]
    analog = big_chip(device, **settings)
    with pytest.raises(devices.FieldError, match="fingerprint"):
        self_test.program_checksums(analog, self_test.SelfTest(word_lines=32))
    checksums = self_test.program_checksums(analog, FINGERPRINT, seed=0)
    assert not self_test.check_arrays(analog, checksums).alarm.any()
    table = attacks.flip_cells(analog, attacks.random_flips(analog, 30, seed=3), seed=4)
    assert alarmed_tiles(self_test.check_arrays(analog, checksums)) == flipped_tiles(table)


def test_drift_that_cells_share_raises_no_alarm_and_a_drifted_cell_does():
    device = replace(CELL, drift=devices.PowerLawDrift(nu=0.04))
    analog = big_chip(device)
    checksums = self_test.program_checksums(analog, FINGERPRINT)
    by_sums = self_test.program_checksums(analog)
    xb.drift_analog_weights(analog, 1e6)
    assert not self_test.check_arrays(analog, checksums).alarm.any()
    with pytest.raises(devices.FieldError, match="have drifted"):
        self_test.check_arrays(analog, by_sums)
    array = analog[0].array
    on = (array.placement.levels > 0) & array.placement.used
    chosen = torch.zeros_like(on)
    chosen[tuple(on.nonzero()[100])] = True
    rewrite_cells(array, chosen, 0.1 * array.cells.target)  # a cell that has lost most of its conductance
    report = self_test.check_arrays(analog, checksums)
    assert int(report.alarm.sum()) == 1
    faults = self_test.find_faults(analog, checksums, report)
    assert addresses(faults) == {("0", *chosen.nonzero()[0].tolist())}


def stuck_chip(number=6):
    analog = big_chip(CELL, inputs=xb.InputConfig(bits=None))
    meant = analog[0].array.effective_weight.clone()
    planes = analog[0].array.placement.planes
    generator = torch.Generator().manual_seed(5)
    place = torch.rand(planes, 256, 128, generator=generator).flatten().topk(number).indices
    at_top = torch.zeros(planes * 256 * 128, dtype=torch.bool)
    at_top[place] = True
    xb.program_analog_weights(analog, seed=0, faults={"0": devices.FaultMap(g_max=at_top.view(planes, 256, 128))})
    return analog, meant


@pytest.mark.parametrize("how", ["reprogram", "digital", "spare_rows"])
def test_stuck_cells_are_found_and_mended_but_not_by_writing(how):
    analog, meant = stuck_chip()
    checksums = self_test.program_checksums(analog)
    report = self_test.check_arrays(analog, checksums)
    assert report.alarm.any()
    faults = self_test.find_faults(analog, checksums, report)
    array = analog[0].array
    wrong = array.cells.stuck & (array.cells.programmed - array.cells.target > 1e-6) & array.placement.used
    assert addresses(faults) == {("0", *cell) for cell in wrong.nonzero().tolist()}
    self_test.repair_faults(analog, faults, how=how)
    x = torch.rand(5, 256)
    error = float((analog(x) - x @ meant.t()).detach().norm() / (x @ meant.t()).norm())
    assert error > 2e-3 if how == "reprogram" else error < 1e-5
    if how == "spare_rows":
        with pytest.raises(devices.FieldError, match="`checksums` must be those"):
            self_test.check_arrays(analog, checksums)
        checksums = self_test.program_checksums(analog)
        assert not self_test.check_arrays(analog, checksums).alarm.any()
        assert torch.allclose(array.effective_weight, meant, atol=1e-6)
    else:
        assert self_test.check_arrays(analog, checksums).alarm.any()  # the cells themselves are as they were


def test_rows_on_spare_word_lines_are_read_by_tiles_too():
    analog = big_chip(CELL, adc=xb.ADC(bits=12), inputs=xb.InputConfig(dac_bits=1), plan="tiled")
    x = torch.randn(4, 256)
    before = analog(x).detach()
    array = analog[0].array
    faults = self_test.find_faults(
        analog,
        checksums := self_test.program_checksums(analog),
        self_test.check_arrays(analog, checksums),
    )
    assert not faults.sizes["fault"]
    attacks.flip_cells(analog, attacks.random_flips(analog, 5, seed=0))
    faults = self_test.find_faults(analog, checksums, self_test.check_arrays(analog, checksums))
    self_test.repair_faults(analog, faults, how="spare_rows", spare_rows=3)
    assert array.placement.levels.shape[1] > 32
    torch.testing.assert_close(analog(x).detach(), before, rtol=1e-3, atol=1e-3)
    with pytest.raises(devices.FieldError, match="`spare_rows` must hold"):
        self_test.repair_faults(analog, faults, how="spare_rows", spare_rows=0)


def test_checksums_are_saved_and_cost_what_they_say():
    analog = big_chip()
    checksums = self_test.program_checksums(analog, FINGERPRINT, seed=0)
    other = self_test.program_checksums(analog, FINGERPRINT, seed=1)
    other.load_state_dict(checksums.state_dict())
    for name, tensor in checksums.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)
    cost = self_test.checksum_cost(analog, checksums)
    assert int(cost.arrays[0]) == 448
    assert int(cost.bit_lines[0]) == 448 * 2  # two one-bit digits
    assert float(cost.share[0]) == 2 / 32
    assert int(cost.cells[0]) == 448 * 2 * 32
    assert int(cost.numbers[0]) == 448 * 4
    report = self_test.check_arrays(analog, checksums)
    assert report.attrs["reads"] == int(cost.reads[0])


def test_the_checksum_of_a_row_is_the_sum_of_its_levels():
    analog = chip(cell_bits=4)
    lines = self_test.program_checksums(analog)["3"]
    placement = analog[3].array.placement
    for tile in range(placement.tiles):
        for row in range(placement.levels.shape[1]):
            total = sum(placement.levels[tile, row].tolist())
            assert int(lines.levels[tile, row, 0]) == total % 16


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"false_alarms": 0.0}, "`false_alarms` must lie in"),
        ({"misses": 1.0}, "`misses` must lie in"),
        ({"word_lines": 0}, "`word_lines` must be"),
        ({"reference": "none"}, "`reference` must be"),
    ],
)
def test_impossible_tests_are_refused(settings, message):
    with pytest.raises(devices.FieldError, match=message):
        self_test.SelfTest(**settings)


def test_too_few_reads_for_the_modulus_are_refused():
    with pytest.raises(devices.FieldError, match=r"patterns must deviate by less than"):
        self_test.program_checksums(big_chip(), self_test.SelfTest(repeats=1, word_lines=32))


def test_faults_of_another_model_are_refused():
    analog = chip()
    checksums = self_test.program_checksums(analog)
    attacks.flip_cells(analog, attacks.random_flips(analog, 2, seed=0))
    faults = self_test.find_faults(analog, checksums, self_test.check_arrays(analog, checksums))
    with pytest.raises(devices.FieldError, match="`faults` must be"):
        self_test.repair_faults(chip(rows=4, cols=3), faults)
