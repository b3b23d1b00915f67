"""Bit flips in the cells of a programmed chip: where they lie, what they do, and which ones do most."""

from crossbar.attacks.bit_flip import BitFlip as BitFlip
from crossbar.attacks.damage import damage_of_flips as damage_of_flips
from crossbar.attacks.flip_cells import flip_cells as flip_cells
from crossbar.attacks.locate import flip_at as flip_at
from crossbar.attacks.locate import locate_flips as locate_flips
from crossbar.attacks.objectives import misclassify_as as misclassify_as
from crossbar.attacks.random_flips import random_flips as random_flips
from crossbar.attacks.search import progressive_bit_search as progressive_bit_search
