"""Programmed arrays: what drives them, the ways to read them, and what corrects them."""

from crossbar.array.bypass import converters_bypassed as converters_bypassed
from crossbar.array.corrections import CORRECTIONS as CORRECTIONS
from crossbar.array.corrections import AbstractCorrection as AbstractCorrection
from crossbar.array.crossbar_array import CrossbarArray as CrossbarArray
from crossbar.array.reads import READS as READS
from crossbar.array.reads import Plan as Plan
from crossbar.array.reads import choose_plan as choose_plan
from crossbar.array.wiring import VectorWiring as VectorWiring
from crossbar.array.wiring import Wiring as Wiring
