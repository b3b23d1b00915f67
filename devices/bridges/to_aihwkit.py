"""Our devices as noise models of IBM aihwkit."""

from typing import Any

from devices.arguments import checked
from devices.device import Device


@checked
def to_aihwkit(device: Device, *, g_converter: Any = None) -> Any:
    """Return an `aihwkit.inference.BaseNoiseModel` that programs, drifts and reads like `device`.

    Pass it to aihwkit's `program_analog_weights(noise_model=...)` or put it into its `TorchInferenceRPUConfig`.

    Parameters
    ----------
    device
        Any device. Its randomness follows torch's default stream, as aihwkit's does.
    g_converter
        aihwkit's map from weights to conductances in uS; default: one pair of cells over the window of the device.

    Returns
    -------
    aihwkit.inference.BaseNoiseModel
        Every cell of every pair keeps what it drew at programming (aihwkit's own models derive pairs anew from the
        sign of the noisy weight). Times are seconds since programming. Read noise is drawn at every
        `drift_analog_weights`, which is how often aihwkit asks.

    Raises
    ------
    ImportError
        If aihwkit is not installed.
    """
    try:
        from devices.bridges.aihwkit_noise_model import DeviceNoiseModel
    except ImportError as error:
        raise ImportError(
            "`to_aihwkit` needs aihwkit. Install the extra: pip install 'aimc-crossbar[aihwkit]'."
        ) from error
    return DeviceNoiseModel(device, g_converter)
