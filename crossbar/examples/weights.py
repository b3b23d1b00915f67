"""Trained weights from safetensors files."""

from pathlib import Path

from torch import Tensor, nn


def load_weights(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file in the dtypes of `model`; counters it lacks keep the model's value.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ImportError
        If safetensors is not installed.
    """
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ImportError('Trained weights need safetensors: pip install "aimc-crossbar[demo]".') from error
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: give the folder that holds {path.name}.")
    wanted = model.state_dict()
    loaded = {name: tensor.to(wanted[name].dtype) for name, tensor in load_file(path).items() if name in wanted}
    counters = {name: tensor for name, tensor in wanted.items() if name.endswith("num_batches_tracked")}
    return {**counters, **loaded}
