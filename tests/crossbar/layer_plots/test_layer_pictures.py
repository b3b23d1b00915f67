"""Pictures of what a programmed layer holds and what its wires take away."""

import dataclasses

import numpy as np
import pytest
import torch

import crossbar as xb
from crossbar.layer_plots import plot_conductances, plot_wire_losses
from crossbar.plots import plot_bit_planes, save_figure
from mapping import map_weight

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def layer(**fields):
    config = xb.CrossbarConfig(
        device=dataclasses.replace(xb.devices.RRAM, read_noise=None),
        mapping=xb.MappingConfig(weight_bits=8, cell_bits=4, rows=32, cols=32),
        **fields,
    )
    torch.manual_seed(0)
    analog = xb.convert_to_analog(torch.nn.Linear(70, 20), config)
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(1))
    return analog


def test_every_cell_is_in_the_histogram(tmp_path):
    array = layer().array
    axes = plot_conductances(array, title="body.0").axes[0]
    assert sum(patch.get_height() for patch in axes.patches) == int(array.placement.used.sum())
    assert axes.get_xlabel() == "conductance [µS]"
    assert axes.get_title().startswith("body.0\n")
    left, right = axes.get_xlim()
    assert left < xb.devices.RRAM.g_min * 1e6 < xb.devices.RRAM.g_max * 1e6 < right


def test_the_worst_array_is_mapped():
    array = layer(wires=xb.Wires(row=5.0, column=10.0, driver=100.0, sense=100.0)).array
    figure = plot_wire_losses(array)
    shown = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    placement = array.placement
    target = array.cells.target.double().masked_fill(~placement.used, 0)
    # At the moment of programming nothing has drifted; the cells are programmed exactly.
    lost = (1 - xb.transfer_matrix(target, array.config.wires) / target).numpy()
    means = np.nanmean(lost, axis=(1, 2))
    np.testing.assert_allclose(shown, lost[means.argmax()], atol=1e-6)
    assert f"array {means.argmax()} of {len(means)}" in figure.axes[0].get_title()
    assert 0 < np.nanmin(shown) < np.nanmax(shown) < 1
    ticks = figure.axes[0].get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_what_has_no_picture_is_said():
    with pytest.raises(ValueError, match="wires with resistance"):
        plot_wire_losses(layer().array)
    bare = xb.convert_to_analog(torch.nn.Linear(4, 4), xb.CrossbarConfig(wires=xb.Wires(row=1.0)))
    for plot in (plot_wire_losses, plot_conductances):
        with pytest.raises(RuntimeError, match="not programmed"):
            plot(bare.array)


def test_blocks_of_bit_planes_have_whole_ticks(tmp_path):
    config = xb.MappingConfig(weight_bits=4, rows=16, cols=16, slicing="inter")
    placement = map_weight(torch.randn(32, 16, generator=torch.Generator().manual_seed(0)), config)
    figure = plot_bit_planes({"whole": placement})
    save_figure(figure, tmp_path / "planes.png")
    ticks = figure.axes[0].get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))
