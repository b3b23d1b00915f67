import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import crossbar as xb
from calibration import mime
from crossbar.examples.vgg16 import vgg16
from mapping import MappingConfig
from tests.calibration.mime.mime_networks import NOISY, analog, images, labelled, network
from tests.calibration.mime.test_task_bank import bank_of, made_up_task


def test_memory_of_a_small_network_by_hand():
    bank = bank_of(network())
    report = mime.memory_report(bank)
    convolutions, norms, head, neurons = 2 * 6 * 9 + 6 * 6 * 9, 2 * 4 * 6, 6 * 4 + 4, 2 * 6 * 36
    weights = convolutions + norms + head
    assert int(report.weights) == weights
    assert int(report.neurons) == neurons
    assert report.thresholds.values.tolist() == [neurons] * 3
    assert report["head"].values.tolist() == [21, 28, 35]
    assert report.batchnorm.values.tolist() == [0, 24, 48]
    parameters = dict(zip(report.scheme.values.tolist(), report.parameters.values.tolist(), strict=True))
    assert parameters["thresholds"] == weights + 3 * neurons + 84 + 72
    assert parameters["heads only"] == weights + 84
    assert parameters["separate models"] == parameters["fine-tuned copies"] == weights + 3 * (convolutions + norms) + 84
    assert float(report.paper_saving) == pytest.approx(4 * weights / (weights + 3 * neurons))
    assert report.cells.values.tolist() == [0] * 4
    bank.switch("c")
    assert mime.memory_report(bank).equals(report)


def test_cells_are_written_only_where_copies_share_a_chip():
    bank = bank_of(analog(network()))
    cells = sum(int(layer.array.used.sum()) for layer in xb.analog_layers(bank.model))
    report = mime.memory_report(bank)
    assert report.cells.values.tolist() == [cells, cells, cells, 4 * cells]
    assert report.cells_written.values.tolist() == [0, 0, cells, 0]
    assert int(report.weights) == int(mime.memory_report(bank_of(network())).weights)


def test_vgg16_saves_more_than_the_target():
    """Three children on VGG16 at 32x32: the paper's abstract says 3.48 without its bookkeeping; counted here: 3.79."""
    torch.manual_seed(0)
    model = mime.attach_thresholds(vgg16().eval(), torch.zeros(1, 3, 32, 32), inplace=True)
    bank, task = mime.TaskBank(model), mime.read_task(model, batchnorm="statistics")
    for name in "abc":
        bank.add(name, dataclasses.replace(task, head=nn.Linear(512, 10)))
    report = mime.memory_report(bank)
    assert int(report.neurons) == 276_480
    assert float(report.saving.sel(scheme="thresholds")) > 3.7
    assert float(report.paper_saving) == pytest.approx(3.79, abs=0.01)


def test_sparsity_is_the_share_of_zeros():
    bank, x = bank_of(network()), images(20)
    report = mime.sparsity_report(bank, {"a": list(x.split(7)), "parent": [(x, None)]})
    seen = {}
    for _, site in mime.named_thresholds(bank.model):
        site.register_forward_hook(lambda module, _, output: seen.__setitem__(module, output))
    for task in ("a", "parent"):
        bank.switch(task)
        bank.model(x)
        for name, site in mime.named_thresholds(bank.model):
            share = float((seen[site] == 0).float().mean())
            assert float(report.sparsity.sel(task=task, layer=name, activation="thresholds")) == pytest.approx(share)
    same = report.sparsity.sel(task="parent")
    assert np.array_equal(same.sel(activation="thresholds"), same.sel(activation="relu"))
    assert (
        report.sparsity.sel(task="a", activation="thresholds") > report.sparsity.sel(task="a", activation="relu")
    ).all()
    assert "reads" not in report


def test_reads_saved_by_hand():
    """One linear layer of 8 inputs on 4x4 arrays: two blocks of rows, each idle in the cycles without a pulse."""
    mapping = MappingConfig(weight_bits=4, cell_bits=3, rows=4, cols=4)
    config = xb.CrossbarConfig(mapping=mapping, inputs=xb.InputConfig(bits=4, dac_bits=2, range="static", maximum=7.0))
    torch.manual_seed(0)
    layer = xb.convert_to_analog(nn.Linear(8, 2, bias=False), config)
    xb.program_analog_weights(layer)
    x = torch.zeros(3, 8)
    x[0, 0], x[1, 5], x[1, 6] = 1, 4, 7
    counts = _count(layer, x)
    blocks, vectors, cycles = 2, 3, 2
    tiles = int(layer.array.placement.tiles)
    columns = int((layer.array.placement.column_index >= 0).sum())
    assert counts.cycles == blocks * vectors * cycles
    assert counts.cycles_needed == 1 + 2
    assert counts.reads == tiles * vectors * cycles
    assert counts.reads_needed == 3 * tiles // blocks
    assert counts.rows_needed * blocks == (1 + 1 + 2) * tiles
    assert counts.conversions == columns * vectors * cycles
    assert counts.conversions_needed == 3 * columns // blocks


def _count(layer, x):
    from crossbar.array.read_count import ReadCount, count_reads

    count = ReadCount()
    count_reads(layer.array, layer.input_codes(x), count)
    return count


def test_negative_inputs_take_a_second_phase():
    torch.manual_seed(0)
    layer = xb.convert_to_analog(nn.Linear(8, 2), xb.CrossbarConfig(mapping=MappingConfig(rows=4, cols=4)))
    xb.program_analog_weights(layer)
    x = torch.rand(5, 8) + 0.1
    assert _count(layer, -x).cycles == 2 * _count(layer, x).cycles
    assert _count(layer, -x).cycles_needed == _count(layer, x).cycles_needed


def test_reads_are_counted_as_the_engine_reads():
    """Operation units read a few rows each, subtracted pairs share a conversion, offset inputs drive every row."""
    torch.manual_seed(0)
    x = torch.rand(5, 8) * (torch.rand(5, 8) < 0.4)
    settings = {
        "plain": {},
        "units": {"parallel_rows": 2},
        "subtracted": {"adc": xb.ADC(bits=8, subtraction="analog")},
        "offset": {"inputs": xb.InputConfig(negative="offset")},
    }
    counts = {}
    for name, options in settings.items():
        layer = xb.convert_to_analog(
            nn.Linear(8, 2), xb.CrossbarConfig(mapping=MappingConfig(rows=4, cols=8), **options)
        )
        xb.program_analog_weights(layer)
        counts[name] = _count(layer, x)
    assert counts["units"].cycles == 2 * counts["plain"].cycles
    assert counts["units"].rows == counts["plain"].rows
    assert counts["units"].rows_needed == counts["plain"].rows_needed
    assert counts["units"].cycles_needed < 2 * counts["plain"].cycles_needed
    assert counts["subtracted"].conversions == counts["plain"].conversions / 2
    assert counts["offset"].cycles_needed == counts["offset"].cycles


def test_thresholds_save_rows_on_a_chip():
    bank = bank_of(analog(network(), dataclasses.replace(NOISY, inputs=xb.InputConfig(bits=4, dac_bits=1))))
    report = mime.sparsity_report(bank, {"a": [images(6)], "b": [images(6)]})
    deep = report.sel(array="conv2")
    for name in ("rows", "cycles", "reads", "conversions"):
        assert (report[f"{name}_needed"] <= report[name]).all()
        assert (report[name].sel(activation="relu") == report[name].sel(activation="thresholds")).all()
        assert (
            deep[f"{name}_needed"].sel(activation="thresholds") <= deep[f"{name}_needed"].sel(activation="relu")
        ).all()
    assert (deep.rows_needed.sel(activation="thresholds") < deep.rows_needed.sel(activation="relu")).all()


def test_bad_input_is_refused():
    model = mime.attach_thresholds(network(), images(2))
    bank = mime.TaskBank(model)
    with pytest.raises(ValueError, match="holds no child task"):
        mime.memory_report(bank)
    bank.add("a", made_up_task(model, 0))
    with pytest.raises(ValueError, match="has no task 'z'"):
        mime.sparsity_report(bank, {"z": labelled()})
    with pytest.raises(ValueError, match="at least one batch"):
        mime.sparsity_report(bank, {"a": []})
    assert bank.active == "parent"
