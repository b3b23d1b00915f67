"""Pictures of sweep Datasets: what they show, what they refuse, how they are written."""

import itertools
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import xarray as xr

from crossbar.plots import plot_against, plot_before_after, plot_heat_map, save_figure
from crossbar.plots.style import COLOURS

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

SIGMA = "device.read_noise.sigma"


@pytest.fixture
def dataset():
    random = np.random.default_rng(0)
    sigma, bits, device = np.linspace(0, 0.3, 5), [4, 6, 8], np.array(["FeFET", "PCM-i", "RRAM"], dtype=object)
    accuracy = 0.9 - sigma[:, None, None, None] + random.normal(0, 0.02, (5, 3, 3, 6))
    return xr.Dataset(
        {
            "accuracy": ((SIGMA, "bits", "device", "trial"), accuracy, {"units": "1", "long_name": "test accuracy"}),
            "energy": (("bits", "trial"), random.random((3, 6)) * 1e-9, {"units": "J", "long_name": "energy"}),
        },
        {
            SIGMA: (SIGMA, sigma, {"long_name": "read noise"}),
            "bits": ("bits", bits, {"long_name": "ADC resolution", "units": "bit"}),
            "device": ("device", device, {"long_name": "device"}),
            "trial": ("trial", np.arange(6)),
        },
    )


def texts(figure, path):
    """All text of a figure as its SVG holds it."""
    save_figure(figure, path / "figure.svg")
    return {"".join(element.itertext()).strip() for element in ElementTree.parse(path / "figure.svg").iter()}


def test_lines_are_means_and_bands_their_spread(dataset, tmp_path):
    chosen = dataset.sel(bits=8)
    figure = plot_against(chosen, SIGMA, output="accuracy", lines="device")
    axes = figure.axes[0]
    for line, device in zip(axes.lines, chosen.device.values, strict=True):
        expected = chosen.accuracy.sel(device=device)
        np.testing.assert_array_equal(line.get_xdata(), dataset[SIGMA])
        np.testing.assert_allclose(line.get_ydata(), expected.mean("trial"))
    top = axes.collections[-1].get_paths()[0].vertices[:, 1].max()
    np.testing.assert_allclose(top, (expected.mean("trial") + expected.std("trial", ddof=1)).max())
    shown = texts(figure, tmp_path)
    assert {"read noise", "test accuracy", "FeFET", "device; mean and standard deviation, 6 trials"} <= shown


@pytest.mark.parametrize(("spread", "low"), [("range", 0.0), ("quartiles", 0.25)])
def test_other_spreads(dataset, spread, low):
    chosen = dataset.sel(bits=8, device="RRAM")
    band = plot_against(chosen, SIGMA, output="accuracy", spread=spread).axes[0].collections[0]
    expected = chosen.accuracy.quantile(low, "trial")
    np.testing.assert_allclose(band.get_paths()[0].vertices[:, 1].min(), expected.min())


def test_names_on_an_axis_keep_their_order_and_are_not_joined(dataset, tmp_path):
    figure = plot_against(dataset.sel({SIGMA: 0, "bits": 4}), "device", output="accuracy")
    assert figure.axes[0].lines[0].get_linestyle() == "None"
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["FeFET", "PCM-i", "RRAM"]
    assert {"FeFET", "PCM-i", "RRAM"} <= texts(figure, tmp_path)


def test_small_quantities_have_si_prefixes_and_log_axes_their_own_ticks(dataset, tmp_path):
    figure = plot_against(dataset, "bits", output="energy", log=True)
    shown = texts(figure, tmp_path)
    assert {"energy [J]", "ADC resolution [bit]", "4", "6", "8"} <= shown
    assert any(text.endswith(" p") for text in shown)


def test_chips_and_trials_are_both_spread(dataset, tmp_path):
    chips = xr.concat([dataset.accuracy, dataset.accuracy + 0.1], "chip").to_dataset().sel(bits=4, device="RRAM")
    figure = plot_against(chips, SIGMA)
    assert any("2 chips" in text and "6 trials" in text for text in texts(figure, tmp_path))
    expected = dataset.accuracy.sel(bits=4, device="RRAM").mean("trial") + 0.05
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), expected)


def test_before_after_has_a_line_for_each_and_the_digital_reference(dataset, tmp_path):
    before = dataset.sel(bits=8, device="RRAM")
    after = before.assign(accuracy=before.accuracy + 0.05).isel(trial=[0])
    figure = plot_before_after({"before": before, "after": after}, SIGMA, output="accuracy", reference=0.95)
    first, second, digital = figure.axes[0].lines
    np.testing.assert_allclose(second.get_ydata(), after.accuracy.isel(trial=0))
    assert first.get_color() != second.get_color()
    assert digital.get_ydata() == [0.95, 0.95]
    assert {"before", "after", "digital"} <= texts(figure, tmp_path)


def test_heat_map_shows_means_over_trials(dataset, tmp_path):
    figure = plot_heat_map(dataset.sel(device="RRAM"), SIGMA, "bits", output="accuracy")
    expected = dataset.accuracy.sel(device="RRAM").mean("trial").transpose("bits", SIGMA)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), expected)
    assert f"{float(expected[0, 0]):#.3g}" in texts(figure, tmp_path)
    flipped = plot_heat_map(dataset.sel(device="RRAM").isel(bits=[2, 1, 0]), SIGMA, "bits", output="accuracy")
    np.testing.assert_allclose(flipped.axes[0].images[0].get_array(), expected)


def contour(figure):
    """Return the edges of the contour, each as the pair of cells (row, col) it parts."""
    halo, line = figure.axes[0].collections
    assert [p.vertices.tolist() for p in halo.get_paths()] == [p.vertices.tolist() for p in line.get_paths()]
    parted = set()
    for path in line.get_paths():
        (x, y), (dx, dy) = path.vertices.mean(0), np.ptp(path.vertices, axis=0) / 2
        assert sorted((dx, dy)) == [0, 0.5]
        parted.add(((round(y - dx), round(x - dy)), (round(y + dx), round(x + dy))))
    return parted


def test_the_contour_of_a_budget_parts_cells_that_reach_it(tmp_path):
    accuracy = np.array([[0.95, 0.90, 0.70], [0.92, 0.89, np.nan], [0.80, 0.60, 0.91]])
    data = xr.Dataset({"accuracy": (("bits", "noise"), accuracy)}, {"bits": [8, 6, 4], "noise": [0.0, 0.1, 0.2]})
    data = data.sortby("bits", ascending=True)
    values = data.accuracy.values
    figure = plot_heat_map(data, "noise", "bits", budget=0.9)
    neighbours = [((r, c), (r, c + 1)) for r in range(3) for c in range(2)]
    neighbours += [((r, c), (r + 1, c)) for r in range(2) for c in range(3)]
    finite = [pair for pair in neighbours if not np.isnan([values[cell] for cell in pair]).any()]
    assert contour(figure) == {(a, b) for a, b in finite if (values[a] >= 0.9) != (values[b] >= 0.9)}
    assert "budget: 0.9" in texts(figure, tmp_path)
    assert figure.axes[0].get_xlim() == (-0.5, 2.5)
    assert figure.axes[1].lines[-1].get_ydata()[0] == 0.9  # on the colour bar too


def test_a_budget_is_written_with_its_unit(dataset, tmp_path):
    energy = dataset.energy.mean("trial").expand_dims({"device": ["a", "b"]}).to_dataset()
    energy.energy.attrs.update(units="J", long_name="energy")
    budget = float(energy.energy.values.min() + energy.energy.values.max()) / 2
    figure = plot_heat_map(energy, "bits", "device", budget=budget)
    (label,) = (text for text in texts(figure, tmp_path) if text.startswith("budget"))
    assert label.endswith("pJ")


@pytest.mark.parametrize("budget", [2.0, 0.0, float("inf")])
def test_a_budget_beyond_all_points_is_refused(budget, dataset):
    with pytest.raises(ValueError, match=r"`budget` must part the means that are shown, 0\.\d+ to 0\.\d+\. Got"):
        plot_heat_map(dataset.sel(device="RRAM"), SIGMA, "bits", output="accuracy", budget=budget)


def test_unfinished_sweeps_can_be_looked_at(dataset):
    dataset.accuracy[2:] = np.nan
    dataset.accuracy[1, :, :, 1:] = np.nan
    figure = plot_heat_map(dataset.sel(device="RRAM"), SIGMA, "bits", output="accuracy")
    assert np.isnan(np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)).sum() == 9
    line = plot_against(dataset.sel(bits=4), SIGMA, output="accuracy", lines="device").axes[0].lines[0]
    assert np.isfinite(line.get_ydata()).sum() == 2


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        (lambda d: plot_against(d, SIGMA), "`output` must name one of accuracy, energy"),
        (lambda d: plot_against(d, SIGMA, output="f1"), "`output` must be one of 'accuracy', 'energy'. Got 'f1'"),
        (lambda d: plot_against(d, "sigma", output="accuracy"), "`axis` must be one of .* Got 'sigma'"),
        (lambda d: plot_against(d, "trial", output="accuracy"), "`axis` must be one of .* Got 'trial'"),
        (lambda d: plot_against(d, SIGMA, output="accuracy", lines=SIGMA), "axes of a plot must differ"),
        (lambda d: plot_against(d, SIGMA, output="accuracy"), r'`bits` has 3 values.*dataset.sel\({"bits": 4}\)'),
        (lambda d: plot_against(d, "bits", output="energy", spread="sem"), "`spread` must be one of"),
        (lambda d: plot_against(d.sel(bits=4, device="RRAM"), SIGMA, output="accuracy", log=True), "has values <= 0"),
        (lambda d: plot_against(d.isel({SIGMA: 0, "bits": 0}), "device", output="accuracy", log=True), "not numbers"),
        (lambda d: plot_against(d * np.nan, "bits", output="energy"), "must have finished points"),
        (lambda d: plot_before_after({}, "bits"), "at least one Dataset"),
        (lambda d: plot_heat_map(d, SIGMA, "bits", output="accuracy"), "`device` has 3 values"),
    ],
)
def test_what_a_plot_cannot_show_is_refused(plot, message, dataset):
    with pytest.raises(ValueError, match=message):
        plot(dataset)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_files_are_written_and_reproducible(suffix, dataset, tmp_path):
    for name in "ab":
        save_figure(plot_against(dataset, "bits", output="energy"), tmp_path / "new" / f"{name}{suffix}")
    first, second = ((tmp_path / "new" / f"{name}{suffix}").read_bytes() for name in "ab")
    assert first == second
    assert len(first) > 1000


def test_other_files_are_refused(dataset, tmp_path):
    with pytest.raises(ValueError, match=r"'\.png', '\.svg', '\.pdf'. Got '\.bmp'"):
        save_figure(plot_against(dataset, "bits", output="energy"), tmp_path / "a.bmp")


def test_figures_are_a_column_wide_and_outside_pyplot(dataset):
    figure = plot_against(dataset, "bits", output="energy")
    assert figure.get_size_inches()[0] == 3.3
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_without_matplotlib_the_extra_is_named(dataset, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"aimc-crossbar\[demo\]"):
        plot_against(dataset, "bits", output="energy")


# Machado, Oliveira, Fernandes, IEEE TVCG 15 (2009) 1291, table 1, severity 1: linear RGB as seen without one cone.
SEEN_BY = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def lab(colour, seen):
    """CIELAB of a hex colour (IEC 61966-2-1 sRGB, D65) after a linear change of what is seen."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ np.clip(np.array(seen) @ linear, 0, 1) / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("seen", SEEN_BY.values(), ids=SEEN_BY)
def test_colours_differ_for_all_kinds_of_colour_vision(seen):
    """A difference of 2.3 is just noticeable; lines of adjacent numbers, used together most, are far beyond."""
    colours = [lab(colour, seen) for colour in COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(colours, 2)) > 9
    assert min(np.linalg.norm(a - b) for a, b in itertools.pairwise(colours)) > 15
    assert max(colour[0] for colour in colours) < 85
