from dataclasses import replace

import pytest
import torch
from torch import nn

from crossbar.cost import ARCHITECTURES, compare_costs, cost_report, count_events
from tests.crossbar.cost.cost_models import CONFIG, programmed

ISAAC = ARCHITECTURES["ISAAC_2016"]


def report(squeezed, architecture=ISAAC):
    """A matrix whose rows all hold a weight of the top plane, so that every row shifts."""
    model = nn.Sequential(nn.Linear(64, 16, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.rand(16, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1)
        model[0].weight[0] = 1.0
    mapping = replace(CONFIG.mapping, cell_bits=1, rows=64, cols=64, squeezed_planes=squeezed)
    return cost_report(count_events(programmed(model, mapping=mapping), torch.rand(4, 64)), architecture)


@pytest.mark.parametrize("planes", [1, 2, 3])
def test_squeezing_saves_arrays_and_costs_cycles(planes):
    """SME (2103.01705): 7 - k of 7 planes stay, each read for 8 + k cycles instead of 8 where every row is shifted."""
    compared = compare_costs({"dense": report(0), "squeezed": report(planes)}).sel(variant="squeezed")
    assert float(compared.relative_arrays) == pytest.approx((7 - planes) / 7)
    assert float(compared.relative_cycles) == pytest.approx((8 + planes) / 8)
    assert float(compared.relative_conversions) == pytest.approx((7 - planes) * (8 + planes) / 56)
    assert float(compared.relative_interval) == pytest.approx((8 + planes) / 8)
    assert float(compared.relative_area) < 1


def test_reports_that_do_not_compare():
    with pytest.raises(ValueError, match="at least one report"):
        compare_costs({})
    with pytest.raises(ValueError, match="of one architecture"):
        compare_costs({"a": report(0), "b": report(0, ARCHITECTURES["PUMA_2019"])})
