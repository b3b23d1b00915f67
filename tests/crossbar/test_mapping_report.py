"""The report of a model's mapping, and the picture of its planes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.plots import plot_bit_planes, save_figure
from mapping import SMECodebook, map_weight, merge_columns

MAPPING = xb.MappingConfig(
    weight_bits=9, cell_bits=1, rows=16, cols=8, quantizer=SMECodebook(bits=8, window=3), squeezed_planes=3
)
CONFIG = xb.CrossbarConfig(mapping=MAPPING, inputs=xb.InputConfig(bits=8, dac_bits=1))


def network():
    torch.manual_seed(0)
    digital = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, groups=8), nn.Flatten(), nn.Linear(72, 5)
    )
    return xb.convert_to_analog(
        digital, CONFIG, overrides={"4": replace(CONFIG, mapping=replace(MAPPING, squeezed_planes=0))}
    )


def test_counts_every_layer_and_baseline():
    model = network()
    report = xb.mapping_report(model)
    assert list(report.layer.values) == ["0", "2", "4"]
    assert list(report.mapping.values) == ["own", "dense_inter", "dense_intra", "isaac", "smaller_codes"]
    first = report.sel(layer="0")
    # 27 inputs and 8 outputs: 2 tiles of each of 5 planes and 2 signs.
    assert int(first.crossbars.sel(mapping="own")) <= 20
    assert int(first.crossbars.sel(mapping="dense_inter")) == 32
    assert int(first.crossbars.sel(mapping="dense_intra")) == 32
    assert int(first.crossbars.sel(mapping="isaac")) == 16
    assert int(first.crossbars.sel(mapping="smaller_codes")) == 20
    assert int(first.input_cycles.sel(mapping="isaac")) == 8
    assert int(first.input_cycles.sel(mapping="own")) == 11
    assert report.squeezed_planes.values.tolist() == [3, 3, 0]
    assert report.weights.values.tolist() == [216, 72, 360]
    assert not report.bit_density_after.sel(layer="0").values[:3].any()
    np.testing.assert_allclose(report.bit_density_after.sel(layer="4"), report.bit_density_before.sel(layer="4"))
    assert all("units" in report[name].attrs for name in report.data_vars)
    assert "crossbars" in report._repr_html_()


def test_a_programmed_layer_is_counted_as_it_lies_on_its_chip():
    model = network()
    planned = xb.mapping_report(model)
    xb.program_analog_weights(model)
    report, memory = xb.mapping_report(model), ["stored_bytes", "bytes_per_weight"]
    assert planned.drop_vars(memory).identical(report.drop_vars(memory))
    assert (report.bytes_per_weight > planned.bytes_per_weight).all()  # the chip, beside the ideal weights
    model[0].array.hold(map_weight(model[0].weight_matrix().detach(), replace(MAPPING, squeezed_planes=5)))
    assert int(xb.mapping_report(model).crossbars.sel(layer="0", mapping="own")) <= 12


def test_reads_of_an_inference_follow_from_an_example():
    model = network()
    report = xb.mapping_report(model, torch.zeros(2, 3, 8, 8))
    assert report.reads.values.tolist() == [64, 9, 1]
    per_read = xb.mapping_report(model)
    for variable in ("adc_conversions", "input_cycles"):
        assert (report[variable] == per_read[variable] * report.reads).all()
        assert report[variable].attrs["long_name"].endswith("per inference")
    assert (report.crossbars == per_read.crossbars).all()


def test_layers_with_fewer_planes_end_in_nan():
    digital = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    model = xb.convert_to_analog(
        digital, CONFIG, overrides={"1": xb.CrossbarConfig(mapping=xb.MappingConfig(weight_bits=4))}
    )
    density = xb.mapping_report(model).bit_density_before
    assert density.shape == (2, 8)
    assert np.isnan(density.sel(layer="1").values[3:]).all()
    assert not np.isnan(density.sel(layer="0").values).any()


def test_needs_an_analog_layer():
    with pytest.raises(ValueError, match="`model` has no analog layer"):
        xb.mapping_report(nn.Linear(2, 2))


def test_the_picture_shows_which_arrays_are_left(tmp_path):
    weight = torch.randn(40, 20, generator=torch.Generator().manual_seed(0))
    placements = {
        "dense": map_weight(weight, replace(MAPPING, squeezed_planes=0)),
        "squeezed": map_weight(weight, MAPPING),
    }
    figure = plot_bit_planes(placements)
    panels = figure.axes[:2]
    for panel, placement in zip(panels, placements.values(), strict=True):
        grid = panel.images[0].get_array().filled(np.nan)
        assert grid.shape == (16, 9)
        assert int(np.isfinite(grid).sum()) == placement.tiles
        share = float((placement.levels != 0).sum() / placement.used.sum())
        assert 0.5 * share < np.nanmean(grid) < 2 * share
    assert panels[1].get_title() == f"squeezed: {placements['squeezed'].tiles} arrays"
    save_figure(figure, tmp_path / "planes.png")
    assert (tmp_path / "planes.png").stat().st_size > 5000


def test_the_picture_refuses_what_has_no_planes():
    weight = torch.randn(10, 4)
    with pytest.raises(ValueError, match="must name at least one placement"):
        plot_bit_planes({})
    with pytest.raises(ValueError, match="arrays of its own"):
        plot_bit_planes({"merged": merge_columns(map_weight(weight, MAPPING))})
    with pytest.raises(ValueError, match="whose arrays were all released"):
        plot_bit_planes({"zero": map_weight(torch.zeros(4, 4), MAPPING)})


def four_bit_linear():
    mapping = xb.MappingConfig(weight_bits=9, cell_bits=4, rows=16, cols=256, slicing="inter")
    return xb.convert_to_analog(nn.Linear(32, 8), replace(CONFIG, mapping=mapping))


@pytest.mark.parametrize(
    ("cell_bits", "slices", "isaac_slices"), [(None, 8, 8), (1, 8, 16), (2, 4, 8), ("own", 2, 4), (16, 1, 1)]
)
def test_baselines_at_chosen_cell_bits(cell_bits, slices, isaac_slices):
    report = xb.mapping_report(four_bit_linear(), baseline_cell_bits=cell_bits).isel(layer=0)
    # Differential: 8 bits of magnitude in so many slices, in both signs.
    for name in ("dense_inter", "dense_intra", "smaller_codes"):
        assert int(report.cells.sel(mapping=name)) == 32 * 8 * 2 * slices, name
    # ISAAC: 16 bits with an offset, no sign, and the unit column.
    assert int(report.cells.sel(mapping="isaac")) == 32 * (8 * isaac_slices + 1)
    assert int(report.crossbars.sel(mapping="dense_inter")) == 2 * slices * 2  # two tiles of 16 of the 32 word lines


def test_a_dense_mapping_is_its_own_baseline_at_equal_cell_bits():
    report = xb.mapping_report(four_bit_linear(), baseline_cell_bits="own").isel(layer=0)
    for name in ("crossbars", "cells", "utilization", "adc_conversions", "input_cycles"):
        assert report[name].sel(mapping="own") == report[name].sel(mapping="dense_inter"), name


@pytest.mark.parametrize("cell_bits", [0, 17, True, "mine"])
def test_refuses_cell_bits_of_no_cell(cell_bits):
    with pytest.raises((ValueError, TypeError), match=r"`baseline_cell_bits` must be"):
        xb.mapping_report(four_bit_linear(), baseline_cell_bits=cell_bits)
