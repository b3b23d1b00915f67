"""Static input ranges that learn."""

from torch import nn

from crossbar.array.corrections import InputRange
from crossbar.conversion import analog_layers
from devices.arguments import checked

INPUT_RANGE_PARAMETERS = r"re:.*\bstatic_range\.bounds"
"""Pattern for `finetune` that chooses the input ranges of all layers, after `learn_input_ranges`."""


@checked
def learn_input_ranges(model: nn.Module) -> nn.Module:
    """Make the static input ranges of the analog layers parameters, in place, and return the model.

    They start where `calibrate_input_ranges` (or the config) has set them, and are then moved by the gradient of the
    quantiser itself: rounding passes straight through, and clipped inputs pull at the range (Esser et al., "Learned step
    size quantization", ICLR 2020). Train them with everything else (`train_hardware_aware`, or an optimiser of one's own),
    or alone through the chip: `finetune(model, batches, [INPUT_RANGE_PARAMETERS])`. They are saved under the same names as
    before and load into a model whose ranges do not learn.

    Parameters
    ----------
    model
        A converted model with `InputConfig(range="static")`, calibrated.

    Raises
    ------
    ValueError
        If no layer has a static range, or one of them is not set.
    """
    layers = [layer for layer in analog_layers(model) if layer.array.config.inputs.range == "static"]
    if not layers:
        raise ValueError("`model` has no layer with a static input range. Convert it with InputConfig(range='static').")
    ranges = [layer.array.corrections["static_range"] for layer in layers]
    learning = [found for found in ranges if isinstance(found, InputRange)]
    if any(found.bounds is None for found in learning):
        raise ValueError(
            "`model` has static input ranges that are not set. Call `calibrate_input_ranges(model, batches, "
            "method='deviation')` first, or give `InputConfig(range='static', maximum=...)`."
        )
    for found in learning:
        found.learn()
    return model
