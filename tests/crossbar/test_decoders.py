"""What users of transformers do with a model, done with a converted one."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import crossbar as xb
from tests.crossbar.decoder import VOCABULARY, Block, Decoder, LoRA

FINE = xb.CrossbarConfig(mapping=xb.MappingConfig(weight_bits=14, cell_bits=7), inputs=xb.InputConfig(bits=14))
NOISY = replace(FINE, device=replace(xb.devices.RRAM, levels=None))
CONVERTED = replace(NOISY, adc=xb.ADC(bits=8))


def decoder():
    torch.manual_seed(0)
    model = Decoder().eval()
    nn.init.normal_(model.table.weight, std=0.5)
    return model


def programmed(model, config, **settings):
    analog = xb.convert_to_analog(model, config, **settings)
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    return analog


def tokens():
    return torch.randint(VOCABULARY, (3, 7), generator=torch.Generator().manual_seed(1))


def loss_of(model):
    logits, _ = model(tokens())
    return F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), tokens()[:, 1:].flatten())


@pytest.mark.parametrize("config", [FINE, NOISY, CONVERTED], ids=["ideal", "noisy", "converters"])
def test_generation_with_and_without_cache_gives_the_same_tokens(config):
    digital = decoder()
    analog = programmed(digital, config)
    assert len(xb.analog_layers(analog)) == 2 * 6 + 1
    cached, whole = (analog.generate(tokens(), tokens=12, use_cache=use) for use in (True, False))
    assert torch.equal(cached, whole)
    if config is FINE:
        assert torch.equal(cached, digital.generate(tokens(), tokens=12, use_cache=True))
    assert len(cached[:, 7:].unique()) > 3


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("training", [True, False], ids=["noise-aware", "on the chip"])
def test_gradient_checkpointing_gives_the_same_gradients(training, reentrant):
    analog = programmed(decoder(), NOISY).train(training)
    gradients = []
    for checkpointing in (None, reentrant):
        analog.checkpointing = checkpointing
        analog.zero_grad()
        torch.manual_seed(5)  # the noise of both passes
        loss_of(analog).backward()
        gradients.append({name: p.grad.clone() for name, p in analog.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert gradients[0]["table.weight"].abs().max() > 0
    assert ("blocks.0.up.weight" in gradients[0]) == training  # the chip has no gradient, what it computes has
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-5, atol=1e-7)


def test_models_in_bfloat16_stay_so_outside_and_read_in_single_precision():
    digital = decoder().bfloat16()
    analog = programmed(digital, FINE)
    kinds = set()
    for module in analog.modules():
        if isinstance(module, (xb.AbstractAnalogLayer, Block, nn.LayerNorm)):
            module.register_forward_hook(lambda m, i, out: kinds.add((out[0] if isinstance(out, tuple) else out).dtype))
    logits, cache = analog(tokens())
    assert kinds == {torch.bfloat16}
    assert all(tensor.dtype == torch.bfloat16 for pair in cache for tensor in pair)
    assert {p.dtype for p in analog.parameters()} == {torch.bfloat16}
    assert analog.head.array.effective_weight.dtype == torch.float32
    exact = decoder()
    exact.load_state_dict(digital.state_dict())
    error, rounding = ((values.float() - exact(tokens())[0]).norm() for values in (logits, digital(tokens())[0]))
    assert error <= 1.5 * rounding  # no more than what bfloat16 costs the digital model
    loss_of(analog.train()).backward()
    assert {p.grad.dtype for p in analog.parameters()} == {torch.bfloat16}
    assert torch.equal(*(analog.eval().generate(tokens(), tokens=5, use_cache=use) for use in (True, True)))


def with_adapters(model):
    """Put a low-rank path beside queries and values, and let nothing else learn."""
    model.requires_grad_(False)
    for block in model.blocks:
        block.query, block.value = LoRA(block.query), LoRA(block.value)
    return model


@pytest.mark.parametrize("before", [True, False], ids=["then converted", "after conversion"])
def test_low_rank_adapters_learn_beside_a_chip_that_stays(before):
    digital = decoder()
    if before:
        analog = programmed(with_adapters(digital), NOISY, overrides={r"re:.*\.lora_[AB]\..*": None})
    else:
        analog = with_adapters(programmed(digital, NOISY))
    analog.eval()
    adapters = [p for p in analog.parameters() if p.requires_grad]
    assert len(adapters) == 2 * 2 * 2
    assert isinstance(analog.blocks[0].query.base_layer, xb.AnalogLinear)
    assert type(analog.blocks[0].query.lora_A["default"]) is nn.Linear
    chip = {name: b.clone() for name, b in analog.named_buffers()}
    weights = {name: p.detach().clone() for name, p in analog.named_parameters() if not p.requires_grad}
    optimizer, losses = torch.optim.Adam(adapters, lr=2e-2), []
    for _ in range(15):
        optimizer.zero_grad()
        loss = loss_of(analog)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
    assert all(torch.equal(b, chip[name]) for name, b in analog.named_buffers())
    assert all(torch.equal(p, weights[name]) for name, p in analog.named_parameters() if name in weights)
    fresh = copy.deepcopy(analog)
    fresh.load_state_dict(analog.state_dict())
    assert torch.equal(fresh(tokens())[0], analog(tokens())[0])


def test_merging_an_adapter_asks_for_a_new_chip():
    analog = with_adapters(programmed(decoder(), FINE)).eval()
    path = analog.blocks[0].query
    nn.init.normal_(path.lora_B["default"].weight, std=0.2)
    expected = analog(tokens())[0].detach()
    analog.blocks[0].query = path.merge()
    with pytest.warns(xb.StaleChipWarning, match="have changed since its chip was programmed"):
        stale = analog(tokens())[0].detach()
    assert float((stale - expected).norm()) > 0.01 * float(expected.norm())
    xb.program_analog_weights(analog)
    assert float((analog(tokens())[0].detach() - expected).norm()) < 2e-3 * float(expected.norm())
