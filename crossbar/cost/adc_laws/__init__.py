"""What a conversion costs at a resolution: published converters and laws, each within what it was fitted to."""

from crossbar.cost.adc_laws.base import AbstractADCLaw as AbstractADCLaw
from crossbar.cost.adc_laws.fixed import FixedADC as FixedADC
from crossbar.cost.adc_laws.isaac_scaling import IsaacScalingADC as IsaacScalingADC
from crossbar.cost.adc_laws.linear_in_bits import LinearInBitsADC as LinearInBitsADC
from crossbar.cost.adc_laws.survey import SurveyADC as SurveyADC

ADC_LAWS: dict[str, type[AbstractADCLaw]] = {
    law.__name__: law for law in (FixedADC, IsaacScalingADC, LinearInBitsADC, SurveyADC)
}
