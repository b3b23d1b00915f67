"""Whether one sweep is another one grown."""

from crossbar.sweeps.dimensions import Axis
from crossbar.sweeps.specification import Specification


def has_grown(small: Specification, large: Specification) -> bool:
    """Return whether `large` is `small` with more trials or more values on its axes, and the same in all else.

    Seeds depend on the trial alone, so that what `small` has computed is what `large` would compute.
    """
    return (
        small.seed == large.seed
        and small.outputs == large.outputs
        and small.trials <= large.trials
        and len(small.axes) == len(large.axes)
        and all(_has_grown(few, many) for few, many in zip(small.axes, large.axes, strict=True))
    )


def _has_grown(few: Axis, many: Axis) -> bool:
    # A point sees the type of its parameter too: True, 1 and 1.0 are three values here.
    same_kind = type(few.values[0]) is type(many.values[0])
    described = (few.name, few.units, few.long_name) == (many.name, many.units, many.long_name)
    return same_kind and described and set(few.values) <= set(many.values)
