"""Ways to read programmed arrays, one file each, and the one place that chooses among them."""

from collections.abc import Mapping
from types import MappingProxyType

from crossbar.array.reads.base import AbstractRead as AbstractRead
from crossbar.array.reads.circuit import CircuitRead as CircuitRead
from crossbar.array.reads.collapsed import CollapsedRead as CollapsedRead
from crossbar.array.reads.integer import IntegerRead as IntegerRead
from crossbar.array.reads.plan import Plan as Plan
from crossbar.array.reads.plan import choose_plan as choose_plan
from crossbar.array.reads.sampled import SampledRead as SampledRead
from crossbar.array.reads.tiled import TiledRead as TiledRead

READS: Mapping[str, type[AbstractRead]] = MappingProxyType(
    {
        "circuit": CircuitRead,
        "collapsed": CollapsedRead,
        "integer": IntegerRead,
        "sampled": SampledRead,
        "tiled": TiledRead,
    }
)
"""Ways to read by the `kind` of a `Plan`."""
