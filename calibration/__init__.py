"""Winning accuracy back on a programmed chip."""

from calibration.adc_ranges import calibrate_adc_ranges as calibrate_adc_ranges
from calibration.batchnorm import adapt_batchnorm as adapt_batchnorm
from calibration.deviation import layer_deviations as layer_deviations
from calibration.deviation import non_ideality_factor as non_ideality_factor
from calibration.deviation import weight_pc2 as weight_pc2
from calibration.drift import compensate_drift as compensate_drift
from calibration.finetune import finetune as finetune
from calibration.finetune_batchnorm import finetune_batchnorm as finetune_batchnorm
from calibration.input_ranges import calibrate_input_ranges as calibrate_input_ranges
from calibration.ladder import recovery_ladder as recovery_ladder
from calibration.ladder_figure import plot_ladder as plot_ladder
from calibration.low_rank import LOW_RANK_PARAMETERS as LOW_RANK_PARAMETERS
from calibration.low_rank import LowRankSidePath as LowRankSidePath
from calibration.low_rank import attach_low_rank as attach_low_rank
from calibration.output_affine import fit_output_affine as fit_output_affine
from calibration.pair_mask import train_pair_mask as train_pair_mask
from calibration.placement_search import PlacementResult as PlacementResult
from calibration.placement_search import search_placement as search_placement
from calibration.remedies import LADDER as LADDER
from calibration.remedies import REMEDIES as REMEDIES
from calibration.remedies import Remedy as Remedy
from calibration.remedies import apply_remedies as apply_remedies
from calibration.squeeze_finetuning import finetune_squeezed as finetune_squeezed
from calibration.squeeze_search import SqueezeResult as SqueezeResult
from calibration.squeeze_search import search_squeeze as search_squeeze
