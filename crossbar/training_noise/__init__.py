"""Noise that training injects beside, or in place of, that of the device: one file each.

A new member is one file with a final frozen dataclass (`AbstractTrainingNoise`), a line here, an entry in
`crossbar.serialization` and a row of `NOISES` in `tests/crossbar/array/training/test_training_noise.py`.
"""

from crossbar.training_noise.base import AbstractTrainingNoise as AbstractTrainingNoise
from crossbar.training_noise.channel import ChannelNoise as ChannelNoise
from crossbar.training_noise.learned import LearnedNoise as LearnedNoise
from crossbar.training_noise.output_shift import OutputShift as OutputShift
