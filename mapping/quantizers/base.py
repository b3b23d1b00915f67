"""What every weight quantiser answers."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from devices.validation import check_instance


@dataclass(frozen=True, kw_only=True)
class QuantizedWeight:
    """Signed integer codes and the number one code unit stands for: `weight ~ codes * scale`.

    Parameters
    ----------
    codes
        Signed integer codes, int32, (inputs, outputs).
    scale
        Weight of one code unit: () for one number per matrix, (outputs,) for one per output; 0 where all weights are.
    magnitude_bits
        Bits of the largest magnitude, so that `abs(codes) < 2**magnitude_bits`.
    """

    codes: Tensor
    scale: Tensor
    magnitude_bits: int

    def dequantize(self) -> Tensor:
        """Return the matrix that the codes stand for, (inputs, outputs)."""
        return self.codes * self.scale


class AbstractQuantizer(ABC):
    """Rounds a weight matrix to signed integer codes of at most `magnitude_bits` bits.

    A new quantiser is one file here, one line in `mapping/quantizers/__init__.py` and one row of the quantiser table
    in the tests.
    """

    @property
    @abstractmethod
    def magnitude_bits(self) -> int:
        """Number of bits of the largest code magnitude."""

    @abstractmethod
    def quantize(self, weight: Tensor) -> QuantizedWeight:
        """Return the codes of `weight` (inputs, outputs).

        Unchecked, for training: weights that are not finite give codes that dequantise to NaN, as they would in torch.
        `quantize_weight` refuses them.
        """


def quantize_weight(weight: Tensor, quantizer: AbstractQuantizer) -> QuantizedWeight:
    """Quantise a weight matrix after checking that it can be mapped at all.

    Parameters
    ----------
    weight
        Floating-point matrix, (inputs, outputs).
    quantizer
        Any member of `mapping.quantizers`.

    Raises
    ------
    ValueError
        If `weight` is not a matrix, is empty, or holds a NaN or an infinity.
    TypeError
        If `weight` is not floating point.
    """
    _check_matrix(weight)
    check_instance("quantizer", quantizer, AbstractQuantizer)
    if not torch.isfinite(torch.stack(weight.aminmax())).all():
        bad = int((~torch.isfinite(weight)).sum())
        raise ValueError(
            f"`weight` must be finite. Got {bad} NaN or infinite entries: check the training that made it."
        )
    return quantizer.quantize(weight.detach())


def fake_quantize(weight: Tensor, quantizer: AbstractQuantizer) -> Tensor:
    """Quantise and dequantise `weight` (inputs, outputs) with the gradient passed straight through.

    NaN and infinite weights come out as NaN, so that a training loop sees them in its loss.

    Raises
    ------
    ValueError
        If `weight` is not a matrix, or is empty.
    TypeError
        If `weight` is not floating point.
    """
    _check_matrix(weight)
    with torch.no_grad():
        rounded = quantizer.quantize(weight).dequantize().to(weight.dtype)
    return weight + (rounded - weight).detach()


def _check_matrix(weight: Tensor) -> None:
    """Raise unless `weight` is a matrix of real numbers."""
    if not isinstance(weight, Tensor) or not weight.is_floating_point():
        got = weight.dtype if isinstance(weight, Tensor) else type(weight).__name__
        raise TypeError(f"`weight` must be floating point. Got {got}. Convert it with `weight.float()`.")
    if weight.ndim != 2 or weight.numel() == 0:
        raise ValueError(f"`weight` must be a non-empty (inputs, outputs) matrix. Got shape {tuple(weight.shape)}.")
