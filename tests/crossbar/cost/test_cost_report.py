import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.cost import ARCHITECTURES, cost_report, cost_table, count_events, write_cost
from tests.crossbar.cost.cost_models import images, network, programmed

ISAAC = ARCHITECTURES["ISAAC_2016"]
FIXED_ARRAY = dataclasses.replace(ISAAC, array_energy="published")


@pytest.fixture(scope="module")
def analog():
    return programmed(network())


@pytest.fixture(scope="module")
def counts(analog):
    return count_events(analog, images())


def test_energy_is_events_times_prices(counts):
    cost = cost_report(counts, FIXED_ARRAY)
    at = counts.sel(layer="4")
    conversions = float(at.events.sel(event="conversions")) / 3
    energy = cost.energy.sel(layer="4")
    assert float(energy.sel(component="adc")) == pytest.approx(conversions * 2e-3 / 1.28e9)
    assert float(energy.sel(component="array")) == pytest.approx(
        float(at.events.sel(event="cell_reads")) / 3 * 30e-12 / 128**2
    )
    assert float(energy.sel(component="dac")) == pytest.approx(
        float(at.events.sel(event="row_cycles")) / 3 * 4e-3 * 100e-9 / 1024
    )
    assert float(cost.energy.sel(layer="(digital)", component="activation")) == pytest.approx(
        (6 * 64 + 8 * 4) * 0.52e-3 * 100e-9 / 96
    )
    assert float(cost.energy_per_inference) == pytest.approx(float(cost.energy.sum()))
    assert float(cost.operations) == pytest.approx(2 * (64 * 27 * 6 + 4 * 54 * 8 + 32 * 10))


def test_array_energy_is_power_times_time_and_supply(counts):
    cost = cost_report(counts, ISAAC)
    assert float(cost.energy.sel(component="array").sum()) == pytest.approx(
        float(counts.array_power.sum()) * 100e-9 / 3
    )
    low, high = float(cost.array_energy_low.sum()), float(cost.array_energy_high.sum())
    assert low < float(cost.energy.sel(component="array").sum()) < high
    regulated = cost_report(counts, dataclasses.replace(ISAAC, array_supply=0.9))
    ratio = regulated.energy.sel(component="array").sum() / cost.energy.sel(component="array").sum()
    assert float(ratio) == pytest.approx(0.9 / 0.2)


def test_a_fully_busy_array_costs_what_the_paper_prints():
    """One full 128 x 128 array of an IMA, 16-bit inputs: an eighth of 24.08 mW for 1.6 us."""
    mapping = xb.MappingConfig(weight_bits=16, cell_bits=2, rows=128, cols=128, encoding="offset", slicing="intra")
    config = xb.CrossbarConfig(mapping=mapping, inputs=xb.InputConfig(bits=16, dac_bits=1), adc=xb.ADC(bits=8))
    full = programmed(nn.Sequential(nn.Linear(128, 16, bias=False)), config)
    cost = cost_report(count_events(full, torch.rand(2, 128)), FIXED_ARRAY)
    core = ["array", "dac", "sample_hold", "adc", "shift_add", "input_register", "output_register"]
    assert int(cost.arrays.sum()) == 1
    assert float(cost.energy.sel(component=core).sum()) == pytest.approx(24.08e-3 / 8 * 1.6e-6, rel=1e-3)
    assert float(cost.interval) == pytest.approx(1.6e-6)
    assert float(cost.total_area) == pytest.approx(0.372e-6 / 96, rel=1e-3)


@pytest.mark.parametrize("name", ["PUMA_2019", "NEURRAM_2022", "SURVEY_22NM"])
def test_other_architectures_price_the_same_counts(counts, name):
    cost = cost_report(counts, ARCHITECTURES[name])
    assert float(cost.energy_per_inference) > 0
    assert "digital_mac" in cost.attrs["not_modelled"]
    for part in cost.attrs["not_modelled"]:
        assert bool(cost.component_energy.sel(component=part).isnull())
    assert all(text in cost_table(cost) for text in (ARCHITECTURES[name].name, "not modelled", "factor of 2"))


def test_hermes_prices_whole_pulses():
    whole = programmed(network(), inputs=xb.InputConfig(bits=8, negative="bipolar"))
    cost = cost_report(count_events(whole, images(1)), ARCHITECTURES["HERMES_2022"])
    reads = float(whole[0].array.conversions().per_block().sum()) * 64
    assert float(cost.energy.sel(layer="0").sum()) == pytest.approx(reads * 12.48e-9 / 256, rel=1e-3)
    assert float(cost.busy.sel(layer="0")) == pytest.approx(64 * 130e-9, rel=1e-3)


def test_skipping_idle_rows_and_arrays_saves(counts):
    energies = [
        float(cost_report(counts, dataclasses.replace(ISAAC, skip_idle=skip)).energy_per_inference)
        for skip in ("none", "rows", "arrays")
    ]
    assert energies == sorted(energies, reverse=True)
    assert energies[1] < energies[0]


def test_copies_multiply_area_and_not_energy(counts):
    plain, doubled = cost_report(counts, ISAAC), cost_report(counts, ISAAC, duplication={"0": 4})
    assert float(doubled.energy_per_inference) == pytest.approx(float(plain.energy_per_inference))
    assert float(doubled.area.sel(layer="0").sum()) == pytest.approx(4 * float(plain.area.sel(layer="0").sum()))
    assert float(doubled.interval) == pytest.approx(float(plain.interval) / 4)
    arrays = int(plain.arrays.sum())
    balanced = cost_report(counts, ISAAC, duplication="balanced", arrays=3 * arrays)
    assert int(balanced.arrays.sum()) <= 3 * arrays
    assert float(balanced.interval) < float(plain.interval)
    assert float(cost_report(counts, ISAAC, mode="layer by layer").latency) > float(plain.interval)


def test_leakage_counts_where_a_source_gives_it(counts):
    leaking = dataclasses.replace(ISAAC, buffer=dataclasses.replace(ISAAC.buffer, leakage=1e-3))
    cost, plain = cost_report(counts, leaking), cost_report(counts, ISAAC)
    tiles = float(plain.arrays.sum()) / 96
    assert float(cost.leakage_energy.sum()) == pytest.approx(1e-3 * tiles * float(plain.interval))
    assert float(plain.leakage_energy.sum()) == 0
    slow = cost_report(counts, leaking, mode="layer by layer")
    assert float(slow.leakage_energy.sum()) == pytest.approx(1e-3 * tiles * float(slow.latency))


def test_every_number_has_units_and_sources(counts):
    cost = cost_report(counts, ISAAC)
    assert all("units" in variable.attrs for variable in cost.data_vars.values())
    assert len(cost.attrs["sources"]) > 10
    assert "8-bit weights and 8-bit inputs" in cost.operations_per_joule.attrs["long_name"]
    unknown = cost.area.component[np.isnan(cost.area.values).any(0)].values.tolist()
    assert unknown == cost.attrs["area_not_modelled"] == ["digital_mac"]


def test_refusals(counts, analog):
    with pytest.raises(ValueError, match=r"`array_energy='exact'` needs pulses whose height"):
        cost_report(counts, dataclasses.replace(ARCHITECTURES["NEURRAM_2022"], array_energy="exact"))
    with pytest.raises(ValueError, match=r"needs counts with it"):
        cost_report(count_events(analog, images(1), array_energy=False), ISAAC)
    with pytest.raises(ValueError, match=r"`inputs.dac_bits` must be 8 for HERMES"):
        cost_report(counts, ARCHITECTURES["HERMES_2022"])
    coarse = programmed(network(), adc=xb.ADC(bits=3))
    with pytest.raises(ValueError, match=r"`adc.bits` must be 4 to 10 for IsaacScalingADC .* Got 3"):
        cost_report(count_events(coarse, images(1)), ISAAC)
    ideal = programmed(network(), adc=None)
    with pytest.raises(ValueError, match=r"Layer '0' has no converter to price"):
        cost_report(count_events(ideal, images(1)), ISAAC)
    with pytest.raises(TypeError, match="`counts` must be"):
        cost_report(analog, ISAAC)
    with pytest.raises(ValueError, match="`counts` must be what `count_events"):
        cost_report(cost_report(counts, ISAAC), ISAAC)


def test_writing(analog):
    neurram = ARCHITECTURES["NEURRAM_2022"]
    written = write_cost(analog, neurram)
    cells = sum(int(layer.array.placement.used.sum()) for layer in xb.analog_layers(analog))
    assert int(written.cells.sum()) == cells
    assert float(written.pulses.sum()) == pytest.approx(8.52 * cells)
    assert float(written.energy.sum()) == pytest.approx(8.52 * cells * (37e-12 + 5e-12))
    largest = int(analog[0].array.placement.used.sum((1, 2)).max())
    assert float(written.time.sel(layer="0")) == pytest.approx(largest * 8.52 * 2e-6)
    assert float(written.time_one_by_one.sum()) == pytest.approx(cells * 8.52 * 2e-6)
    counted = write_cost(analog, neurram, pulses_per_cell={"0": 1.0, "4": 2.0, "7": 3.0})
    assert float(counted.pulses.sel(layer="7")) == 3.0 * float(counted.cells.sel(layer="7"))
    unknown = write_cost(analog, ISAAC, pulses_per_cell=5.0)
    assert unknown.attrs["not_modelled"] == ["write_pulse", "write_verify"]
    assert bool(unknown.energy.isnull().all())


def test_mean_pulses_of_a_write_verify_loop():
    loop = xb.devices.WriteVerifyProgramming(acceptance=0.02, spread=0.05)
    draws = torch.randn(200_000, generator=torch.Generator().manual_seed(0)) * 0.05
    tries = 1 / float((draws.abs() <= 0.02).double().mean())  # of a geometric distribution
    assert loop.mean_pulses == pytest.approx(tries, rel=0.01)
    device = xb.devices.Device(g_min=1e-6, g_max=1e-5, programming=loop)
    one = programmed(nn.Sequential(nn.Linear(4, 2)), device=device)
    written = write_cost(one, ARCHITECTURES["NEURRAM_2022"])
    assert float(written.pulses.sum()) == pytest.approx(loop.mean_pulses * float(written.cells.sum()))


def test_writing_refusals(analog):
    with pytest.raises(ValueError, match="Nothing says how many pulses"):
        write_cost(analog, ISAAC)
    with pytest.raises(ValueError, match="`pulses_per_cell` must name every layer"):
        write_cost(analog, ISAAC, pulses_per_cell={"0": 1.0})
    with pytest.raises(RuntimeError, match="not programmed"):
        write_cost(xb.convert_to_analog(network(), xb.CrossbarConfig()), ARCHITECTURES["NEURRAM_2022"])
