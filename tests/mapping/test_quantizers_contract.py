"""What every quantiser must keep to."""

import dataclasses

import pytest
import torch

from crossbar.config import CrossbarConfig
from crossbar.serialization import config_from_json, config_to_json
from mapping import (
    AdditivePowersOfTwoQuantizer,
    MappingConfig,
    PowerOfTwoQuantizer,
    SMECodebook,
    TernaryQuantizer,
    TruncatedGaussianQuantizer,
    UniformQuantizer,
    fake_quantize,
    quantize_weight,
)
from tests.mapping.mapping_tables import QUANTIZERS


def weights(seed=0, shape=(40, 7), dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def positive_codes(quantizer):
    if isinstance(quantizer, UniformQuantizer):
        return tuple(range(1, 2**quantizer.magnitude_bits))
    return quantizer.codebook


@pytest.mark.parametrize("quantizer", QUANTIZERS.values(), ids=QUANTIZERS.keys())
class TestContract:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
    def test_shape_dtype_and_range(self, quantizer, dtype):
        quantized = quantize_weight(weights(dtype=dtype), quantizer)
        assert quantized.codes.shape == (40, 7)
        assert quantized.codes.dtype == torch.int32
        assert quantized.magnitude_bits == quantizer.magnitude_bits
        assert int(quantized.codes.abs().max()) < 2**quantizer.magnitude_bits
        assert quantized.scale.shape == ((7,) if quantizer.granularity == "output" else ())
        assert quantized.scale.dtype == torch.promote_types(dtype, torch.float32)
        assert (quantized.scale > 0).all()
        assert quantized.dequantize().shape == (40, 7)

    def test_every_weight_goes_to_the_nearest_code(self, quantizer):
        weight = weights(1)
        quantized = quantize_weight(weight, quantizer)
        codes = positive_codes(quantizer)
        assert codes == tuple(sorted(set(codes)))
        signed = torch.tensor([-code for code in codes] + [0, *codes], dtype=torch.float64)
        distance = (weight[..., None] - signed * quantized.scale.expand(7)[:, None]).abs()
        chosen = (weight - quantized.dequantize()).abs()
        torch.testing.assert_close(chosen, distance.amin(-1), rtol=1e-12, atol=1e-15)
        assert torch.isin(quantized.codes.abs(), torch.tensor((0, *codes))).all()

    def test_signs_are_treated_alike(self, quantizer):
        assert torch.equal(quantize_weight(-weights(2), quantizer).codes, -quantize_weight(weights(2), quantizer).codes)

    @pytest.mark.parametrize("value", [0.0, 1e-45, -3e38])
    def test_extreme_matrices(self, quantizer, value):
        quantized = quantize_weight(torch.full((3, 2), value), quantizer)
        assert quantized.dequantize().isfinite().all()
        assert value or not quantized.codes.any()

    def test_zeros_have_no_unit(self, quantizer):
        """A unit of anything else would carry the noise of the cells to the output."""
        weight = weights(10)
        weight[:, 2] = 0
        quantized = quantize_weight(weight, quantizer)
        assert not quantize_weight(torch.zeros(4, 3), quantizer).scale.any()
        if quantizer.granularity == "output":
            assert quantized.scale[2] == 0
            assert (quantized.scale > 0).sum() == 6
            others = torch.arange(7) != 2
            alone = quantize_weight(weight[:, others], quantizer)
            assert torch.equal(quantized.codes[:, others], alone.codes)
        assert not quantized.codes[:, 2].any()

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    @pytest.mark.parametrize("size", [30, 6000])  # the larger one through the histogram
    def test_training_sees_what_is_not_finite(self, quantizer, value, size):
        weight = weights(11, (size, 4), torch.float32)
        weight[1, 2] = value
        quantized = quantizer.quantize(weight)
        assert int(quantized.codes.abs().max()) < 2**quantizer.magnitude_bits
        seen = fake_quantize(weight.requires_grad_(), quantizer)
        if quantizer.granularity == "tensor":
            assert seen.isnan().all()
        else:
            assert seen.isnan().any(0).tolist() == [False, False, True, False]

    def test_gradient_passes_straight_through(self, quantizer):
        weight = weights(7).requires_grad_()
        seen = fake_quantize(weight, quantizer)
        torch.testing.assert_close(seen.detach(), quantize_weight(weight.detach(), quantizer).dequantize())
        (gradient,) = torch.autograd.grad((seen * weights(8)).sum(), weight)
        assert torch.equal(gradient, weights(8))

    def test_is_a_value_that_travels_with_a_config(self, quantizer):
        assert hash(quantizer) == hash(dataclasses.replace(quantizer))
        mapping = MappingConfig(weight_bits=quantizer.magnitude_bits + 1, cell_bits=1, quantizer=quantizer)
        config = CrossbarConfig(mapping=mapping)
        assert config_from_json(config_to_json(config)) == config

    def test_refuses_what_cannot_be_quantised(self, quantizer):
        with pytest.raises(TypeError, match=r"`weight` must be floating point. Got torch.int64"):
            quantize_weight(torch.ones(2, 2, dtype=torch.int64), quantizer)
        with pytest.raises(ValueError, match=r"non-empty \(inputs, outputs\) matrix. Got shape \(0, 2\)"):
            quantize_weight(torch.ones(0, 2), quantizer)
        with pytest.raises(ValueError, match=r"`weight` must be finite. Got 1 NaN"):
            quantize_weight(torch.tensor([[1.0, float("nan")]]), quantizer)
        with pytest.raises(ValueError, match=r"`weight` must be finite. Got 2 NaN"):
            quantize_weight(torch.tensor([[-float("inf"), float("inf")]]), quantizer)
        with pytest.raises(TypeError, match=r"`weight` must be floating point. Got torch.int64"):
            fake_quantize(torch.ones(2, 2, dtype=torch.int64), quantizer)
        with pytest.raises(ValueError, match=r"non-empty \(inputs, outputs\) matrix. Got shape \(3,\)"):
            fake_quantize(torch.ones(3), quantizer)
        with pytest.raises(ValueError, match="`granularity` must be one of"):
            dataclasses.replace(quantizer, granularity="row")


CHOOSING = {name: quantizer for name, quantizer in QUANTIZERS.items() if hasattr(quantizer, "scale")}


@pytest.mark.parametrize("quantizer", CHOOSING.values(), ids=CHOOSING.keys())
class TestScales:
    """Quantisers whose scale is chosen."""

    def test_least_squares_scale_is_never_worse(self, quantizer):
        errors = {}
        for seed, spread in ((3, 1.0), (4, 1e-6), (5, 1e4)):
            weight = spread * weights(seed, (60, 5)) ** 3  # heavy tails
            for scale in ("max", "least_squares"):
                chosen = dataclasses.replace(quantizer, scale=scale)
                errors[scale] = (quantize_weight(weight, chosen).dequantize() - weight).square().sum(0)
            if quantizer.granularity == "tensor":
                errors = {scale: error.sum() for scale, error in errors.items()}
            assert (errors["least_squares"] <= errors["max"] * (1 + 1e-9)).all()

    def test_max_scale_reproduces_its_own_codes(self, quantizer):
        quantizer = dataclasses.replace(quantizer, scale="max")
        first = quantize_weight(weights(6), quantizer)
        again = quantize_weight(first.dequantize(), quantizer)
        assert torch.equal(first.codes, again.codes)
        torch.testing.assert_close(first.scale, again.scale)

    def test_other_scales_are_refused(self, quantizer):
        with pytest.raises(ValueError, match=r"`scale` must be one of 'max', 'least_squares'. Got 'mean'"):
            dataclasses.replace(quantizer, scale="mean")


@pytest.mark.parametrize(
    ("bits", "window", "size"),
    [(8, 1, 8), (8, 2, 15), (8, 3, 27), (8, 4, 47), (6, 1, 6), (6, 2, 11), (6, 3, 19), (6, 4, 31)],
)
def test_sme_codebook_sizes(bits, window, size):
    quantizer = SMECodebook(bits=bits, window=window)
    assert len(quantizer.codebook) == size
    for code in quantizer.codebook:
        lead = code.bit_length()
        assert lead <= bits
        assert code % 2 ** max(lead - window, 0) == 0  # no one behind the window


def test_sme_codebook_with_the_widest_window_is_uniform():
    assert SMECodebook(bits=5, window=5).codebook == tuple(range(1, 32))


def test_one_bit_window_and_one_term_are_powers_of_two():
    assert SMECodebook(bits=7, window=1).codebook == PowerOfTwoQuantizer(bits=7).codebook
    assert AdditivePowersOfTwoQuantizer(terms=1, term_bits=3).codebook == PowerOfTwoQuantizer(bits=7).codebook


def test_additive_powers_of_two_are_those_of_the_paper():
    # arXiv 1909.13144, equation 5 with n = 2, k = 2: p0 in {0, 1, 1/4, 1/16}, p1 in {0, 1/2, 1/8, 1/32}.
    sums = {a + b for a in (0, 1, 1 / 4, 1 / 16) for b in (0, 1 / 2, 1 / 8, 1 / 32)} - {0}
    assert AdditivePowersOfTwoQuantizer(terms=2, term_bits=2).codebook == tuple(sorted(int(32 * s) for s in sums))
    assert AdditivePowersOfTwoQuantizer(terms=6, term_bits=1).codebook == tuple(range(1, 64))


def test_ternary_least_squares_is_the_best_threshold():
    weight = weights(9, (400, 1))
    order = weight.abs().flatten().sort(descending=True).values
    # With the n largest weights at +-1 the best scale is their mean, and saves sum^2 / n.
    saved = (order.cumsum(0) ** 2 / torch.arange(1, 401)).max()
    best = weight.square().sum() - saved
    error = (quantize_weight(weight, TernaryQuantizer()).dequantize() - weight).square().sum()
    assert float(error) <= 1.002 * float(best)


def test_a_large_matrix_finds_its_scale_from_a_histogram():
    weight = torch.randn(400, 200, generator=torch.Generator().manual_seed(1))
    quantizer = UniformQuantizer(bits=4, scale="least_squares")
    whole = quantize_weight(weight, quantizer)
    error = (whole.dequantize() - weight).square().sum()
    scales = torch.linspace(0.5, 1.0, 200) * weight.abs().max() / 7
    best = min(float((((weight / s).round().clamp(-7, 7)) * s - weight).square().sum()) for s in scales)
    assert float(error) <= 1.002 * best


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SMECodebook(bits=0), r"`bits` must be in \[1, 16\]. Got 0"),
        (lambda: SMECodebook(bits=4, window=5), r"`window` must be in \[1, 4\]. Got 5"),
        (lambda: PowerOfTwoQuantizer(bits=17), r"`bits` must be in \[1, 16\]. Got 17"),
        (lambda: AdditivePowersOfTwoQuantizer(terms=6, term_bits=2), "must be <= 16 planes. Got terms=6"),
        (lambda: UniformQuantizer(bits=1), r"`bits` must be in \[2, 17\]. Got 1. One bit is the sign."),
    ],
)
def test_impossible_quantisers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_closed_form_is_the_ternary_quantiser_of_least_error_on_normal_weights():
    weight = torch.randn(400, 500, generator=torch.Generator().manual_seed(0))
    quantized = quantize_weight(weight, TruncatedGaussianQuantizer())
    searched = quantize_weight(weight, TernaryQuantizer())
    assert float(quantized.scale) == pytest.approx(1.2240 * float(weight.square().mean().sqrt()), rel=1e-4)
    assert float(quantized.scale) == pytest.approx(float(searched.scale), rel=0.03)
    error = float((quantized.dequantize() - weight).square().mean() / weight.square().mean())
    assert error == pytest.approx(0.1902, abs=0.002)
    for threshold in (0.5, 0.7):
        other = quantize_weight(weight, TruncatedGaussianQuantizer(threshold=threshold))
        assert float((other.dequantize() - weight).square().mean()) > error


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.612, 1.5])
def test_its_scale_is_the_mean_of_the_weights_above_the_threshold(threshold):
    weight = torch.randn(1000, 400, generator=torch.Generator().manual_seed(1))
    quantized = quantize_weight(weight, TruncatedGaussianQuantizer(threshold=threshold))
    assert float(quantized.scale) == pytest.approx(float(weight.abs()[quantized.codes != 0].mean()), rel=3e-3)


def test_a_threshold_of_zero_gives_binary_weights():
    weight = weights(3)
    quantized = quantize_weight(weight, TruncatedGaussianQuantizer(threshold=0))
    assert torch.equal(quantized.codes, torch.sign(weight).int())
    assert float(quantized.scale / weight.square().mean().sqrt()) == pytest.approx((2 / torch.pi) ** 0.5, rel=1e-9)


def test_a_threshold_that_no_weight_passes_is_refused():
    with pytest.raises(ValueError, match=r"`threshold` must be finite. Got inf"):
        TruncatedGaussianQuantizer(threshold=50.0)
