"""Winning accuracy back on a programmed chip."""

from calibration.batchnorm import adapt_batchnorm as adapt_batchnorm
from calibration.deviation import layer_deviations as layer_deviations
from calibration.deviation import non_ideality_factor as non_ideality_factor
from calibration.deviation import weight_pc2 as weight_pc2
from calibration.finetune import finetune as finetune
from calibration.finetune_batchnorm import finetune_batchnorm as finetune_batchnorm
