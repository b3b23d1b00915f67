"""Winning accuracy back on a programmed chip."""

from calibration.batchnorm import adapt_batchnorm as adapt_batchnorm
