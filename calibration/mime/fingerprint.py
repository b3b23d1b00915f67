"""Which parent a task belongs to."""

import hashlib

import torch
from torch import nn

from calibration.mime.threshold import Threshold


def parent_fingerprint(model: nn.Module, *, without: str) -> str:
    """Return the SHA-256 of a model's weight matrices and kernels, by name.

    What tasks and calibrations may move does not count: thresholds, biases, batch norms, and the head. A digital model
    and its analog counterpart have the same fingerprint, whatever chip the latter is programmed on.

    Parameters
    ----------
    model
        Any model.
    without
        Name of its head.
    """
    left_out = {id(p) for module in model.modules() if isinstance(module, Threshold) for p in module.parameters()}
    left_out |= {id(p) for p in model.get_submodule(without).parameters()}
    digest = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        if id(parameter) in left_out or parameter.ndim < 2:
            continue
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
        digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
