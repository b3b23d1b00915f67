"""Parts of other libraries as prices: objects of hwcomponents, which is not imported."""

import math
from numbers import Real
from typing import Any

from crossbar.cost.component import Component, Level
from devices.arguments import checked


@checked
def component_from_hwcomponents(
    model: Any, action: str, *, level: Level = "array", node: float | None = None, **arguments: Any
) -> Component:
    """Return a part with the prices of a component model of hwcomponents (CiMLoop's, tried with 1.0.114; Python 3.12 on).

    Nothing of it is checked against a source: its libraries have known errors (ISAAC's converter scaled by 2^bits,
    latencies of buffers divided by their size), so compare a price with its paper first.

    Parameters
    ----------
    model
        A component model: `area` [m2], `leak_power` [W], and its actions as methods.
    action
        The action that is one event, such as "read"; it returns an `ActionCost`, or energy [J] and latency [s].
    level
        What has one such component.
    node
        Technology node [m]. Default: the model's `tech_node`.
    **arguments
        Of the action, such as `bits_per_action=8`.

    Raises
    ------
    TypeError
        If `model` has no area, leakage or such an action, or the action returns something else.
    ValueError
        If the node is not known, or a price is negative or not finite.
    """
    name = type(model).__name__
    method = getattr(model, action, None)
    missing = [part for part in ("area", "leak_power") if not hasattr(model, part)]
    if missing or not callable(method):
        lacking = [*missing, *([] if callable(method) else [f"an action {action!r}"])]
        raise TypeError(f"`model` must be a component model of hwcomponents. Got {name} without {', '.join(lacking)}.")
    energy, latency = _prices(method(**arguments), f"{name}.{action}")
    node = getattr(model, "tech_node", None) if node is None else node
    if node is None:
        raise ValueError(
            f"`node` must be given, as {name} has no `tech_node`: prices of different nodes do not add up."
        )
    return Component(
        energy=energy,
        area=float(model.area),
        level=level,
        latency=latency if math.isfinite(latency) else None,
        leakage=float(model.leak_power),
        node=float(node),
        source=f"hwcomponents: {type(model).__module__}.{name}.{action}({_text(arguments)})",
    )


def _prices(cost: Any, what: str) -> tuple[float, float]:
    """Return energy [J] and latency [s] of an action."""
    pair = cost if isinstance(cost, tuple) else (getattr(cost, "energy", None), getattr(cost, "latency", None))
    if len(pair) != 2 or not all(isinstance(value, Real) for value in pair):
        raise TypeError(f"`{what}` must return an ActionCost, or energy and latency. Got {cost!r}.")
    return float(pair[0]), float(pair[1])


def _text(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
