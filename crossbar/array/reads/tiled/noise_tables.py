"""Fresh read noise of a tiled read, laid out by conversions."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.array.conversions import Conversions, by_conversion
from crossbar.array.reads.noise_precision import variance_type
from crossbar.array.solved import SolvedArrays
from mapping.ranks import rank_among_equals


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
    return NoiseTables(
        variance=variance.to(kind),
        rise=rise.to(kind),
        rise_square=per_line(cells * taken.square()).sum(2) * apart[:, 0],
        partner=None if partner is None else partner.to(kind),
        together=together,
    )


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
