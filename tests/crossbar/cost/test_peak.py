"""Headline numbers of published chips, from their tables through the one law of prices."""

import pytest

import crossbar as xb
from crossbar.cost import ARCHITECTURES, peak_report
from crossbar.cost.component_events import component_events, energy_of_event

ISAAC, PUMA, NEURRAM, HERMES = (ARCHITECTURES[n] for n in ("ISAAC_2016", "PUMA_2019", "NEURRAM_2022", "HERMES_2022"))
IMA = ("array", "dac", "sample_hold", "adc", "shift_add", "input_register", "output_register")


def test_isaac_table_1():
    peak = peak_report(ISAAC)
    power, area = peak.power.fillna(0), peak.area.fillna(0)
    tiles, imas = 168, 168 * 12
    assert float(power.sel(component=list(IMA)).sum()) / imas == pytest.approx(24.08e-3, rel=1e-3)
    tile = float(power.sum() - power.sel(component="link")) / tiles
    assert tile == pytest.approx(329.9e-3, rel=1e-3)
    assert float(power.sum()) == pytest.approx(65.82, rel=1e-3)
    assert float(area.sum()) == pytest.approx(85.4e-6, rel=1e-3)
    assert float(peak.operations_per_second) == pytest.approx(41.29e12, rel=1e-3)
    assert float(peak.operations_per_joule) == pytest.approx(0.627e12, rel=1e-3)
    assert float(peak.operations_per_second_and_area) == pytest.approx(0.4835e18, rel=1e-3)
    assert float(peak.operations_per_second_and_area) == pytest.approx(0.479e18, rel=1e-2)  # as printed
    assert float(power.sel(component="adc")) / tiles / tile == pytest.approx(0.58, abs=0.005)
    assert float(area.sel(component="adc")) / tiles / 0.372e-6 == pytest.approx(0.31, abs=0.005)
    assert float(peak.cycle_time) == pytest.approx(100e-9)


def test_puma_table_3():
    peak = peak_report(PUMA)
    power = peak.power.fillna(0)
    mvm = float(power.sel(component=["array", "adc", "dac"]).sum()) / (138 * 8 * 2) * float(peak.read_time)
    assert float(peak.read_time) == pytest.approx(2304e-9, rel=1e-6)
    assert mvm == pytest.approx(43.97e-9, rel=1e-3)
    assert float(power.sum()) == pytest.approx(62.5, rel=1e-3)
    assert float(peak.area.sum()) == pytest.approx(90.64e-6, rel=1e-3)


def test_hermes_core():
    peak = peak_report(HERMES)
    assert float(peak.read_time) == pytest.approx(130e-9, rel=1e-3)
    assert float(peak.read_energy) == pytest.approx(12.48e-9, rel=1e-3)
    assert float(peak.area.sum()) == pytest.approx(0.634e-6, rel=1e-3)
    four_phases = 4 * float(peak.read_time)  # signs of inputs and of weights apart
    assert four_phases / float(peak.read_time) == pytest.approx(3.92, rel=0.025)  # 521 ns : 132.9 ns on the chip


# Output bits, input bits, measured TOPS of 48 cores, measured TOPS/W; two phases: the magnitude bits of each.
ONE_PHASE = [
    (3, 1, 2.122, 43.08),
    (4, 2, 1.793, 40.33),
    (5, 3, 1.165, 23.09),
    (6, 4, 0.744, 15.95),
    (7, 5, 0.452, 11.33),
    (8, 6, 0.261, 9.12),
]
TWO_PHASES = [(7, 5, 0.525, 11.03), (8, 6, 0.418, 8.26), (9, 7, 0.344, 7.75), (10, 8, 0.264, 6.44)]
OPERATIONS = 65536


def neurram_phase(magnitude_bits, adc_bits):
    """Time and energy of one read of a core by the preset."""
    events = dict.fromkeys(("input_bits", "output_bits", "partial_sums", "activations", "pooled", "digital_macs"), 0.0)
    events |= {"row_cycles": 256.0, "cell_reads": 65536.0, "array_reads": 1.0, "conversions": 256.0}
    acts = component_events(events, NEURRAM, pulse_bits=magnitude_bits, magnitude_bits=magnitude_bits)
    measured = ("array", "word_line", "dac", "sample_hold", "integrator", "adc")
    energy = sum(acts[part] * energy_of_event(NEURRAM, part, adc_bits=adc_bits) for part in measured)
    return NEURRAM.cycle_time(magnitude_bits=magnitude_bits, adc_bits=adc_bits, cols=256), energy


def check_neurram(time, energy, operations_per_second, operations_per_joule):
    assert time == pytest.approx(48 * OPERATIONS / operations_per_second, rel=0.10)
    assert OPERATIONS / energy == pytest.approx(operations_per_joule, rel=0.12)


@pytest.mark.parametrize(("out", "bits", "tops", "tops_per_watt"), ONE_PHASE)
def test_neurram_measured_one_phase(out, bits, tops, tops_per_watt):
    time, energy = neurram_phase(max(bits - 1, 1), out)
    check_neurram(time, energy, tops * 1e12, tops_per_watt * 1e12)


@pytest.mark.parametrize(("out", "bits", "tops", "tops_per_watt"), TWO_PHASES)
def test_neurram_measured_two_phases(out, bits, tops, tops_per_watt):
    high = bits // 2  # magnitude bits of the first phase; the second is converted to the same step
    first, second = neurram_phase(high, out), neurram_phase(bits - 1 - high, out - high)
    check_neurram(first[0] + second[0], first[1] + second[1], tops * 1e12, tops_per_watt * 1e12)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_preset_names_its_sources_and_what_it_leaves_out(name):
    architecture = ARCHITECTURES[name]
    peak = peak_report(architecture)
    assert all(part.source for part in architecture.components.values())
    missing = [part for part, value in architecture.components.items() if value.energy is None]
    assert set(peak.attrs["not_modelled"]) == set(missing) - {"write_pulse", "write_verify"}
    assert xb.architecture_from_json(xb.architecture_to_json(architecture)) == architecture
