"""How a layer's weights become cells."""

from dataclasses import dataclass
from typing import Literal

from devices.display import html_table, short_repr
from devices.validation import FieldValueError, check_boolean, check_choice, check_instance, check_integer
from mapping.encodings import ENCODINGS, AbstractEncoding
from mapping.encodings.planes import slice_widths
from mapping.pair_layouts import NO_PAIRS, PAIR_LAYOUTS, PairLayout
from mapping.quantizers import AbstractQuantizer, UniformQuantizer

_MOST_LINES = 65_536
"""No array has more word or bit lines; one that had would fill the memory with what lies unused in it."""


@dataclass(frozen=True, kw_only=True)
class MappingConfig:
    """How a weight matrix is quantised, sliced into cells and cut into arrays.

    Parameters
    ----------
    weight_bits
        Bits of a signed weight, the sign included.
    cell_bits
        Bits one cell stores; `weight_bits - 1` or more puts a magnitude into one cell.
    rows
        Word lines of one array.
    cols
        Bit lines of one array.
    encoding
        How signed codes become non-negative levels: "differential", "offset", "twos_complement"; a key of
        `mapping.ENCODINGS`.
    pairs
        Where the two cells of a pair lie: in arrays of their own, on adjacent bit lines whose currents are subtracted,
        or on adjacent word lines driven with opposite voltages; `mapping.pair_layouts` names chips that do so. For
        encodings that have pairs.
    slicing
        Slices of a weight in arrays of their own (inter), or side by side on the bit lines of one array (intra).
    group_packing
        Groups of a convolution in arrays of their own (none), or as many in one array as fit, on its diagonal. Where word
        lines of one group cross bit lines of another there is then no cell (absent: what an array gives is the same but
        for its wires), or an idle one at the lowest conductance (g_min), which conducts: the periphery subtracts what
        such cells add without wires, and what wires, errors, noise and drift make of it is crosstalk between groups.
    reference_column
        Give every array one bit line more than `cols`, of cells in the middle of the window, and subtract it from the
        others (encodings with an offset). Else the offset is subtracted as a number, which neither wires nor drift act
        on.
    granularity
        One weight scale per layer, or one per output channel; used by the default quantiser.
    quantizer
        Another quantiser than `UniformQuantizer(bits=weight_bits, granularity=granularity)`.
    row_order
        Inputs fill arrays as they come, or by descending largest |weight|, which empties significant planes.
    squeezed_planes
        Most significant bit planes that `squeeze_out` empties; any number above 0 also releases empty arrays.
    release_empty
        Release arrays that hold only zeros, without squeezing.
    merge_columns
        Store equal bit columns of an output once, drop empty ones and pack the rest.
    """

    weight_bits: int = 8
    cell_bits: int = 4
    rows: int = 128
    cols: int = 128
    encoding: str = "differential"
    pairs: Literal["arrays", "bit_lines", "word_lines"] = "arrays"
    slicing: Literal["inter", "intra"] = "inter"
    group_packing: Literal["none", "absent", "g_min"] = "none"
    reference_column: bool = False
    granularity: Literal["tensor", "output"] = "tensor"
    quantizer: AbstractQuantizer | None = None
    row_order: Literal["given", "sorted"] = "given"
    squeezed_planes: int = 0
    release_empty: bool = False
    merge_columns: bool = False

    __repr__ = short_repr
    _repr_html_ = html_table

    def __post_init__(self) -> None:
        """Refuse mappings that cannot be."""
        check_integer("weight_bits", self.weight_bits, at_least=2, at_most=17, hint="One bit is the sign.")
        check_integer("cell_bits", self.cell_bits, at_least=1, at_most=16)
        check_integer("rows", self.rows, at_least=1)
        check_integer("cols", self.cols, at_least=1)
        for name, lines in (("rows", self.rows), ("cols", self.cols)):
            if lines > _MOST_LINES:
                raise FieldValueError(f"`{name}` must be <= {_MOST_LINES}. Got {lines!r}.", name)
        check_choice("encoding", self.encoding, tuple(ENCODINGS))
        check_choice("pairs", self.pairs, tuple(PAIR_LAYOUTS))
        check_choice("slicing", self.slicing, ("inter", "intra"))
        check_choice("group_packing", self.group_packing, ("none", "absent", "g_min"))
        check_choice("granularity", self.granularity, ("tensor", "output"))
        if self.cell_bits > self.weight_bits:
            raise FieldValueError(
                f"`cell_bits` must be <= `weight_bits`. Got cell_bits={self.cell_bits}, "
                f"weight_bits={self.weight_bits}. Use fewer bits per cell, or more bits per weight.",
                "cell_bits",
            )
        for name in ("reference_column", "release_empty", "merge_columns"):
            check_boolean(name, getattr(self, name))
        check_instance("quantizer", self.quantizer, AbstractQuantizer, optional=True)
        if self.quantizer is not None and self.quantizer.magnitude_bits + 1 != self.weight_bits:
            raise FieldValueError(
                f"`weight_bits` must be {self.quantizer.magnitude_bits + 1} (the quantiser's magnitude bits and a "
                f"sign). Got {self.weight_bits} with {self.quantizer!r}.",
                "weight_bits",
            )
        check_choice("row_order", self.row_order, ("given", "sorted"))
        self._check_pairs()
        self._check_reference_column()
        self._check_squeeze()

    def _check_pairs(self) -> None:
        if self.pairs != "arrays" and not self.sign_encoding.has_pairs:
            able = " or ".join(repr(name) for name, value in ENCODINGS.items() if value.has_pairs)
            raise FieldValueError(
                f"`pairs`={self.pairs!r} needs an encoding that has pairs, encoding={able}. Got {self.encoding!r}. "
                "Use pairs='arrays'.",
                "pairs",
            )
        layout = self.pair_layout
        check_integer("rows", self.rows, at_least=layout.word_lines, hint="A pair takes two word lines.")
        check_integer("cols", self.cols, at_least=layout.bit_lines, hint="A pair takes two bit lines.")
        if self.merge_columns and layout.bit_lines > 1:
            raise FieldValueError(
                f"`merge_columns` drops bit lines whose partners stay, but `pairs`={self.pairs!r} keeps them adjacent. "
                "Use merge_columns=False, or pairs='word_lines' or 'arrays'.",
                "merge_columns",
            )

    def _check_squeeze(self) -> None:
        check_integer("squeezed_planes", self.squeezed_planes, at_least=0)
        if self.squeezed_planes and self.slicing != "inter":
            raise FieldValueError(
                "`squeezed_planes` needs slicing='inter': every plane in arrays of its own. Got 'intra'.",
                "squeezed_planes",
            )
        if self.squeezed_planes not in self.squeezable_planes():
            raise FieldValueError(
                f"`squeezed_planes` must be one of {', '.join(map(str, self.squeezable_planes()))} (whole cells of "
                f"{self.weight_bits}-bit weights, at least one left). Got {self.squeezed_planes}.",
                "squeezed_planes",
            )

    def _check_reference_column(self) -> None:
        if self.reference_column and not self.sign_encoding.takes_reference_columns:
            able = " or ".join(repr(name) for name, value in ENCODINGS.items() if value.takes_reference_columns)
            raise FieldValueError(
                f"`reference_column` needs encoding={able}, with an offset to subtract. Got {self.encoding!r}. "
                "Use reference_column=False.",
                "reference_column",
            )
        if self.reference_column and self.group_packing != "none":
            raise FieldValueError(
                "`reference_column` needs group_packing='none': the reference of an array would add up the inputs of all "
                f"its groups. Got {self.group_packing!r}.",
                "reference_column",
            )
        sparse = {name: getattr(self, name) for name in ("squeezed_planes", "release_empty", "merge_columns")}
        if self.reference_column and any(sparse.values()):
            raise FieldValueError(
                "`reference_column` needs all columns: squeezed_planes=0, release_empty=False, merge_columns=False. Got "
                f"{', '.join(f'{name}={value!r}' for name, value in sparse.items() if value)}.",
                "reference_column",
            )

    @property
    def sign_encoding(self) -> AbstractEncoding:
        """The encoding that `encoding` names."""
        return ENCODINGS[self.encoding]

    @property
    def pair_layout(self) -> PairLayout:
        """The lines that a weight takes in each plane, as `pairs` and the encoding say."""
        return PAIR_LAYOUTS[self.pairs] if self.sign_encoding.has_pairs else NO_PAIRS

    @property
    def planes_of_weight(self) -> int:
        """Cells of one weight, partners of pairs not counted."""
        return len(self.sign_encoding.widths(self.weight_bits - 1, self.cell_bits))

    def squeezable_planes(self) -> tuple[int, ...]:
        """Return the numbers of most significant bit planes that can be squeezed out, from 0 up."""
        if self.reference_column:
            return (0,)
        stored_bits = self.sign_encoding.stored_bits(self.weight_bits - 1)
        widths = slice_widths(stored_bits, self.cell_bits)
        return tuple(stored_bits - sum(widths[: cells + 1]) for cells in reversed(range(len(widths))))

    def effective_quantizer(self) -> AbstractQuantizer:
        """Return the quantiser that this config stands for."""
        return self.quantizer or UniformQuantizer(bits=self.weight_bits, granularity=self.granularity)
