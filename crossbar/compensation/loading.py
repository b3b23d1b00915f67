"""How much of a cell reaches its output: a cheap law, and the exact one that corrects it."""

import torch
from torch import Tensor

from crossbar.parasitics import ir_drop_estimate
