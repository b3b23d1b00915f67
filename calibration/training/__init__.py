"""The training loop under every verb that learns: what moves, early stopping, checkpoints, history."""

from calibration.training.cosine import cosine_schedule as cosine_schedule
from calibration.training.fit import fit as fit
from calibration.training.losses import distillation_loss as distillation_loss
from calibration.training.losses import next_token_loss as next_token_loss
from calibration.training.resume import fixed_tensors as fixed_tensors
from calibration.training.run import Loss as Loss
from calibration.training.run import MakeOptimizer as MakeOptimizer
from calibration.training.run import MakeSchedule as MakeSchedule
from calibration.training.run import TrainingRun as TrainingRun
from calibration.training.run import class_loss as class_loss
from calibration.training.run import moving_tensors as moving_tensors
from calibration.training.run import set_eval_but as set_eval_but
