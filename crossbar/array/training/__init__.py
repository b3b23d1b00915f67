"""What `train()` reads: ideal weights with the noise of the chip, or cells placed and programmed anew."""

from crossbar.array.training.code_noise import code_spread as code_spread
from crossbar.array.training.seen import left_out as left_out
