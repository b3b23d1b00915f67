"""Programmed arrays and the two plans that read them."""

from crossbar.array.crossbar_array import CrossbarArray as CrossbarArray
from crossbar.array.plan import Plan as Plan
