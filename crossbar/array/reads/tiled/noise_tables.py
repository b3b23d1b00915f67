"""Fresh read noise of a tiled read, laid out by conversions."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.array.conversions import Conversions, by_conversion
from crossbar.array.reads.noise_precision import variance_type
from crossbar.array.solved import SolvedArrays
from mapping.ranks import rank_among_equals

_UNEVEN = 0.1
"""Share of a variance up to which rows may differ in what the rise of their bit line takes of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NoiseTables:
    """The variance of a conversion for pulses `x`: `x^2 @ variance`, and behind wires more.

    The voltage over a cell falls with the current `I` of its bit line, so that behind wires the variance is
    `x^2 @ variance - I (x @ rise) + I^2 rise_square`, the last two for each of the bit lines of a conversion.
    """

    variance: Tensor
    """Read-noise variance by the drive of each word line alone, (conversions, rows)."""
    rise: Tensor | None = None
    """What a current takes of it by the rise of its bit line, (lines of a conversion, conversions, rows)."""
    rise_square: Tensor | None = None
    """What it adds by its square, (lines of a conversion, conversions)."""
    partner: Tensor | None = None
    """Transfer matrices of the bit lines that are subtracted, (conversions, rows)."""
    falls: Tensor | None = None
    """In place of those three, for pulses of one bit: `v, w` and, of pairs, `u` of the variance `P + I (v P + w I) + u P^2`
    of the first term `P` and the current `I` of a conversion, (2 or 3, conversions)."""
    together: Tensor | None = None
    """What normals `z` of conversions lose to be correlated as the outputs of an array are: `together @ (together.T @ z)`,
    (conversions, arrays of a block)."""


def noise_tables(solved: SolvedArrays, found: Conversions, codes_per_siemens: Tensor) -> NoiseTables | None:
    """Lay out the noise of conversions whose currents come in the unit of `codes_per_siemens` (conversions, 1)."""
    noise = solved.noise
    if noise is None:
        return None
    lines = [column for column in (found.column, found.partner) if column is not None]
    kind = variance_type(noise.variance.dtype, noise.variance.device)

    def per_line(values: Tensor) -> Tensor:
        """Return cell values of the bit lines of each conversion, (lines, conversions, rows)."""
        return torch.stack([by_conversion(values, line) for line in lines])

    if noise.response is None:
        # One factor after the other: behind wires an open bit line has a step of rounding errors, whose square underflows.
        variance = per_line(noise.variance).sum(0) * codes_per_siemens * codes_per_siemens
        return NoiseTables(variance=variance.to(kind))
    own, taken, _ = noise.response
    correlation, together = _correlated(solved, found, noise.correlation(solved.transfer))
    cells = noise.variance
    sign = solved.placement.row_sign[:, :, None]
    apart = 1 - correlation[:, None]  # what is common to conversions leaves each too little by this factor
    variance = per_line(cells * own.square()).sum(0) * codes_per_siemens * codes_per_siemens * apart
    rise = per_line(2 * cells * own * taken * sign) * codes_per_siemens * apart
    partner = (
        None if found.partner is None else by_conversion(solved.signed_transfer, found.partner) * codes_per_siemens
    )
    rise_square = per_line(cells * taken.square()).sum(2) * apart[:, 0]
    inputs = solved.config.inputs
    if inputs.pulse_bits == 1 and inputs.negative != "bipolar" and not solved.placement.has_opposite_rows:
        falls = _falls(variance, rise, rise_square, per_line(solved.transfer).sum(2) * codes_per_siemens[:, 0])
        if falls is not None:
            return NoiseTables(variance=variance.to(kind), falls=falls, together=together)
    return NoiseTables(
        variance=variance.to(kind),
        rise=rise.to(kind),
        rise_square=rise_square,
        partner=None if partner is None else partner.to(kind),
        together=together,
    )


def _falls(variance: Tensor, rise: Tensor, rise_square: Tensor, reach: Tensor) -> Tensor | None:
    """Return `NoiseTables.falls`, or None where the rise of bit lines differs too much from row to row.

    Pulses of one bit are their own squares, so that `x @ rise` is `x^2 @ variance` times their mean ratio, but for how that
    differs from row to row; and the currents of a pair, of which a read has the difference, add up to the same share of
    their largest sum as the variance, but for chance.

    Parameters
    ----------
    variance, rise, rise_square
        As `NoiseTables`, (conversions, rows), (lines, conversions, rows), (lines, conversions).
    reach
        Currents of bit lines with all rows driven, (lines, conversions).
    """
    total = variance.sum(1)
    carries = (total > 0) & (rise.sum((0, 2)) > 0)
    total = torch.where(carries, total, 1)
    steepness = torch.where(carries, rise.sum(2) / total, 0)  # (lines, conversions)
    ratio = rise.sum(0) / torch.where(variance > 0, variance, 1)
    unevenness = ((ratio - steepness.sum(0)[:, None]).square() * variance).sum(1) / total
    missed = torch.where(carries, unevenness.sqrt() * reach.mean(0) / 2, 0)  # where half of the rows are driven
    if len(missed) and float(missed.mean()) > _UNEVEN:
        return None
    square = torch.where(carries, rise_square, 0)
    if len(rise) == 1:
        return torch.stack([-steepness[0], square[0]])
    both = torch.where(carries, reach.sum(0) / total, 0)
    sign = torch.tensor([1.0, -1.0], dtype=total.dtype, device=total.device)[:, None]
    u = ((square * both / 2 - steepness).sum(0) * both) / 2
    v = (sign * (square * both - steepness)).sum(0) / 2
    return torch.stack([v, square.sum(0) / 4, u])


def _correlated(solved: SolvedArrays, found: Conversions, correlation: Tensor) -> tuple[Tensor, Tensor]:
    """Return the correlation of the conversions of each array, (conversions,), and `NoiseTables.together`.

    Normals `z` of `N` conversions get the correlation `c <= 0` by `sqrt(1 - c) (z - lost mean(z))`, with
    `lost = 1 - sqrt((1 + (N - 1) c) / (1 - c))`. What the outputs of an array have in common drops out of pairs on it.
    """
    columns = solved.placement.column_index.shape[1]
    array = found.column // columns
    own = correlation[array]
    if found.partner is not None:
        other = found.partner // columns
        own = torch.where(other == array, 0, (own + correlation[other]) / 2)
    arrays, array = torch.unique(array, return_inverse=True)
    number = torch.bincount(array, minlength=len(arrays))
    own = torch.maximum(own, -1 / (number - 1).clamp(min=1)[array])
    lost = 1 - ((1 + (number[array] - 1) * own).clamp(min=0) / (1 - own)).sqrt()
    block = found.block.new_zeros(len(arrays)).index_copy_(0, array, found.block)
    place = rank_among_equals(block)[array]  # of its array among those of its block
    together = own.new_zeros(len(own), int(place.max()) + 1 if len(own) else 0)
    return own, together.scatter_(1, place[:, None], (lost / number[array]).sqrt()[:, None])
