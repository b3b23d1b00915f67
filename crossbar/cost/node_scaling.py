"""Moving a digital part to another technology node: a guess, marked as such."""

import math
from dataclasses import replace

from crossbar.cost.component import Component
from devices.arguments import checked
from devices.validation import check_positive

_ENERGY = {
    130e-9: (7.171, -6.709, 2.904),
    90e-9: (4.762, -4.781, 2.092),
    65e-9: (3.755, -4.398, 1.975),
    45e-9: (1.103, -0.362, 0.2767),
    32e-9: (0.9559, -0.7823, 0.471),
    20e-9: (0.373, -0.1582, 0.04104),
    16e-9: (0.2958, -0.1241, 0.03024),
    14e-9: (0.2363, -0.09675, 0.02239),
    10e-9: (0.2068, -0.09311, 0.02375),
    7e-9: (0.1776, -0.09097, 0.02447),
}
"""Coefficients of `a V^2 + b V + c`, to which the energy of a gate is proportional at supply V."""
_AREA = dict(zip(_ENERGY, (110.0, 48.0, 25.0, 17.0, 7.8, 3.6, 3.2, 2.9, 1.7, 1.0), strict=True))
"""Area of the same gates relative to 7 nm."""


@checked
def scale_to_node(component: Component, node: float, *, supply: float = 0.8) -> Component:
    """Return a part at another node, its source marked as scaled.

    Energy, leakage and area follow Stillmaker and Baas, Integration 58 (2017) 74, doi 10.1016/j.vlsi.2017.02.002,
    between its nodes by interpolation of logarithms; latency follows the node. It is made for digital gates. Converters,
    arrays and wires do not follow it: use a converter law, and the exact energy of the array.

    Parameters
    ----------
    component
        A digital part at a known node.
    node
        Wanted node [m], 7e-9 to 130e-9.
    supply
        Supply voltage at both nodes [V].

    Raises
    ------
    ValueError
        If either node lies outside 7 .. 130 nm, or that of the part is not known.
    """
    check_positive("supply", supply)
    if component.node is None:
        raise ValueError(f"`component.node` must be known to scale it. Got None ({component.source}).")
    energy = _interpolated(node, supply) / _interpolated(component.node, supply)
    area = _interpolated(node, None) / _interpolated(component.node, None)
    return replace(
        component,
        energy=_times(component.energy, energy),
        leakage=_times(component.leakage, energy),
        area=_times(component.area, area),
        latency=_times(component.latency, node / component.node),
        node=node,
        source=f"scaled from {component.node * 1e9:g} nm after Stillmaker and Baas 2017 (a guess): {component.source}",
    )


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _interpolated(node: float, supply: float | None) -> float:
    """Return relative energy at a supply, or relative area, at any node of the range."""
    nodes = list(_ENERGY)
    if not nodes[-1] * (1 - 1e-9) <= node <= nodes[0] * (1 + 1e-9):
        raise ValueError(f"`node` must lie in [7e-9, 130e-9] m to scale. Got {node!r}.")
    upper = min((n for n in nodes if n >= node * (1 - 1e-9)), default=nodes[0])
    lower = max((n for n in nodes if n <= node * (1 + 1e-9)), default=nodes[-1])
    share = 0.0 if upper == lower else math.log(node / lower) / math.log(upper / lower)
    return math.exp((1 - share) * math.log(_at(lower, supply)) + share * math.log(_at(upper, supply)))


def _at(node: float, supply: float | None) -> float:
    if supply is None:
        return _AREA[node]
    square, linear, constant = _ENERGY[node]
    return square * supply**2 + linear * supply + constant
