import numpy as np
import pytest
import xarray as xr

import crossbar as xb
from crossbar.cost import ARCHITECTURES, cost_report, count_events
from crossbar.plots.pareto import pareto_front
from tests.crossbar.cost.cost_models import images, network, programmed

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


@pytest.fixture(scope="module")
def cost():
    return cost_report(count_events(programmed(network()), images(1)), ARCHITECTURES["ISAAC_2016"])


@pytest.mark.parametrize("variable", ["energy", "area"])
def test_bars_add_up_to_the_report(cost, variable):
    figure = xb.plot_cost_bars(cost, variable=variable)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == cost.layer.values.tolist()
    total = sum(bar.get_width() for bar in axes.patches)
    assert total == pytest.approx(float(cost[variable].sum()) * (1 if variable == "energy" else 1e6))
    if variable == "energy":
        assert axes.get_legend().get_title().get_text() == "not modelled: digital_mac"


def test_the_front_is_what_nothing_beats():
    costs, gains = np.array([1.0, 2.0, 3.0, 2.0, np.nan]), np.array([0.5, 0.9, 0.8, 0.9, 1.0])
    assert pareto_front(costs, gains).tolist() == [True, True, False, True, False]


def test_pareto_of_a_sweep():
    dataset = xr.Dataset(
        {
            "accuracy": (("bits", "kind", "trial"), np.random.default_rng(0).random((4, 2, 3)), {"units": "1"}),
            "energy": (("bits", "kind"), np.random.default_rng(1).random((4, 2)) * 1e-6, {"units": "J"}),
        },
        coords={"bits": [4, 5, 6, 7], "kind": ["a", "b"]},
    )
    (axes,) = xb.plot_pareto(dataset, groups="kind").axes
    assert axes.get_xlabel() == "energy [J]"
    assert len(axes.lines) == 3
    with pytest.raises(ValueError, match="`cost` must be one of"):
        xb.plot_pareto(dataset, cost="price")
    with pytest.raises(ValueError, match="`groups` must be one of"):
        xb.plot_pareto(dataset, groups="trial")
