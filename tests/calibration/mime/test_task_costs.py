import dataclasses

import pytest

import crossbar as xb
from calibration import mime
from tests.calibration.mime.mime_networks import analog, images, network
from tests.calibration.mime.test_task_bank import bank_of

CONFIG = xb.CrossbarConfig(
    device=xb.devices.RRAM,
    mapping=xb.MappingConfig(rows=32, cols=32, cell_bits=4),
    inputs=xb.InputConfig(bits=8, dac_bits=1),
    adc=xb.ADC(bits=8),
)
NEURRAM = dataclasses.replace(xb.architectures.NEURRAM_2022, skip_idle="arrays")
ISAAC = dataclasses.replace(xb.architectures.ISAAC_2016, skip_idle="rows")


def test_systolic_ladder_by_hand():
    bank = bank_of(network())
    report = mime.systolic_report(bank, {"parent": [images(3)], "a": [images(2)]})
    memory = mime.memory_report(bank)
    weights, neurons = float(memory.weights), float(memory.neurons)
    energy = report.energy
    assert float(energy.sel(scheme="separate models", level="dram")) == pytest.approx(200 * weights)
    assert float(energy.sel(scheme="thresholds", level="dram")) == pytest.approx(200 * (weights / 2 + neurons))
    macs = float(energy.sel(scheme="separate models", level="mac"))
    convolutions = 36 * 6 * (2 * 9 + 6 * 9)  # two of them on 6 x 6 positions
    assert macs == pytest.approx(convolutions + 6 * (4 + 3) / 2)  # heads of 4 and 3 classes
    assert float(energy.sel(scheme="separate models", level="neighbour")) == pytest.approx(2 * macs)
    skipped = energy.sel(scheme="thresholds, zeros skipped", level="mac")
    assert float(skipped) == pytest.approx(macs * float(report.nonzero.sel(activation="thresholds").mean()))
    assert (report.nonzero.sel(activation="thresholds") <= report.nonzero.sel(activation="relu")).all()
    assert float(report.saving.sel(scheme="separate models")) == 1
    assert bank.active == "parent"


def test_crossbars_beside_two_baselines():
    bank = bank_of(analog(network(), CONFIG))
    batches = {"parent": [images(3)], "a": [images(2)]}
    costs = mime.task_costs(bank, batches, NEURRAM)
    cells = sum(int(layer.array.used.sum()) for layer in xb.analog_layers(bank.model))
    rewritten = costs.sel(scheme="rewritten at each switch")
    assert float(rewritten.write_energy) == pytest.approx(cells * 8.52 * 42e-12)
    assert float(costs.area.sel(scheme="separate arrays")) == pytest.approx(2 * float(rewritten.area))
    assert bool(costs.read_energy.sel(scheme="thresholds").isnull())  # NeuRRAM has no price of a buffer
    assert "buffer" in costs.attrs["not_modelled"]
    assert bank.active == "parent"


def test_thresholds_save_what_the_chip_skips_and_pay_for_being_read():
    bank = bank_of(analog(network(), CONFIG))
    batches = {"a": [images(2)], "b": [images(2)]}
    costs = mime.task_costs(bank, batches, ISAAC, pulses_per_cell=8.0)
    counts = xb.count_events(bank.model, images(2))
    assert int(counts.inferences) == 2
    fetched = sum(site.threshold.numel() for _, site in mime.named_thresholds(bank.model)) * 8 * ISAAC.buffer.energy
    thresholds = costs.sel(scheme="thresholds")
    assert float(thresholds.read_energy) - fetched <= float(costs.read_energy.sel(scheme="separate arrays"))
    assert bool(costs.write_energy.sel(scheme="rewritten at each switch").isnull())
    assert "write_pulse" in costs.attrs["not_modelled"]
    assert float(thresholds.write_energy) == 0


def test_one_task_does_not_take_turns():
    bank = bank_of(network())
    with pytest.raises(ValueError, match="at least two tasks"):
        mime.systolic_report(bank, {"a": [images(1)]})
    with pytest.raises(ValueError, match="at least two tasks"):
        mime.task_costs(bank_of(analog(network(), CONFIG)), {"a": [images(1)]}, ISAAC)
    with pytest.raises(ValueError, match="`dram` must be > 0"):
        mime.SystolicLadder(dram=0.0)
