"""The precision in which variances of read noise are multiplied."""

import functools

import torch


def variance_type(kind: torch.dtype, device: torch.device) -> torch.dtype:
    """Return the type in which to multiply variances for reads in `kind`: bfloat16 where a machine is faster at it.

    All terms of such a sum are positive, so its relative error is at most that of its terms, 2^-8 for each of two rounded
    factors and 2^-9 for the sum, and half of that for the standard deviation: less than 0.3 % in practice, where most of
    it averages out.
    """
    return torch.bfloat16 if kind == torch.float32 and _has_bfloat16(device.type) else kind


@functools.cache
def _has_bfloat16(device_type: str) -> bool:
    """Return whether a kind of device multiplies bfloat16 in hardware; elsewhere it is slower than float32."""
    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device_type != "cpu":
        return False
    # Private, and absent from older versions: what is not known to be there is not used.
    probes = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(bool(probe()) for probe in probes if probe is not None)
