"""What the periphery adds to the outputs of the arrays."""

from torch import Tensor

from crossbar.array.collapse import digital_weight
from crossbar.array.crosstalk import cross_product, idle_weight
from crossbar.array.reads.base import offset_output
from crossbar.array.wiring import VectorWiring
from crossbar.config import CrossbarConfig
from mapping import Placement


def digital_output(codes: Tensor, placement: Placement, config: CrossbarConfig, *, common: Tensor | None) -> Tensor:
    """Return what is added digitally to the outputs of a read of codes (vectors, inputs), (vectors, outputs).

    Parameters
    ----------
    codes
        Input codes.
    placement, config
        Where the cells are, and their technology.
    common
        What compensated cells add to each weight in common, as for `digital_weight`.
    """
    result = codes.new_zeros(len(codes), placement.outputs)
    driven = codes + config.inputs.offset_code
    added = digital_weight(placement, config.device, common=common)
    if added is not None:
        weight = (added * placement.scale).t().to(codes.dtype)
        result += VectorWiring(placement.groups).linear_map(driven, weight)
    idle = idle_weight(placement, config.device)
    if idle is not None:
        result -= cross_product(driven, idle, placement.outputs) * placement.scale
    ideal = offset_output(placement, config)
    return result if ideal is None else result - ideal
