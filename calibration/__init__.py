"""Winning accuracy back on a programmed chip."""

from calibration.batchnorm import adapt_batchnorm as adapt_batchnorm
from calibration.squeeze_finetuning import finetune_squeezed as finetune_squeezed
from calibration.squeeze_search import SqueezeResult as SqueezeResult
from calibration.squeeze_search import search_squeeze as search_squeeze
