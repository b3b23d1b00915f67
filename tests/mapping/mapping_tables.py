"""Tables of every quantiser, encoding and kind of placement; a new member joins its table and inherits the suites."""

from mapping import (
    AdditivePowersOfTwoQuantizer,
    PowerOfTwoQuantizer,
    SMECodebook,
    TernaryQuantizer,
    UniformQuantizer,
)

QUANTIZERS = {
    "uniform": UniformQuantizer(bits=8),
    "uniform least squares": UniformQuantizer(bits=4, scale="least_squares"),
    "uniform per output": UniformQuantizer(bits=5, granularity="output", scale="least_squares"),
    "SME": SMECodebook(bits=8, window=3),
    "SME per output": SMECodebook(bits=6, window=2, granularity="output"),
    "SME least squares": SMECodebook(bits=5, window=4, scale="least_squares"),
    "power of two": PowerOfTwoQuantizer(bits=7),
    "power of two per output": PowerOfTwoQuantizer(bits=4, granularity="output", scale="least_squares"),
    "additive powers of two": AdditivePowersOfTwoQuantizer(terms=2, term_bits=2),
    "additive powers of two per output": AdditivePowersOfTwoQuantizer(
        terms=3, term_bits=2, granularity="output", scale="least_squares"
    ),
    "ternary": TernaryQuantizer(),
    "ternary per output": TernaryQuantizer(granularity="output", scale="max"),
}

ENCODING_NAMES = ("differential", "offset", "twos_complement")

ARRANGEMENTS = {
    "dense inter": {},
    "dense intra": {"slicing": "intra"},
    "sorted": {"row_order": "sorted"},
    "released": {"release_empty": True},
    "sorted and released": {"row_order": "sorted", "release_empty": True},
    "merged": {"merge_columns": True},
    "reference column": {"encoding": "offset", "reference_column": True},
    "reference column intra": {"encoding": "offset", "reference_column": True, "slicing": "intra"},
    "merged intra": {"merge_columns": True, "slicing": "intra"},
}
"""Settings of `MappingConfig` that leave the weights as they are."""
