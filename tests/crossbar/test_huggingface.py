"""Models of Hugging Face's library, random and small, on arrays: what its users do with them."""

import warnings

import pytest
import torch

import crossbar as xb
from calibration import calibrate_input_ranges, finetune_layernorm, next_token_loss, train_hardware_aware

transformers = pytest.importorskip("transformers", reason="transformers is not installed")
pytestmark = pytest.mark.reference

SHAPE = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32, "intermediate_size": 64}
COMMON = {"vocab_size": 64, "initializer_range": 0.1, "bos_token_id": 0, "eos_token_id": 0}
MODELS = {
    "GPT-2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(n_layer=2, n_head=2, n_embd=32, n_positions=32, **COMMON)
    ),
    "Llama": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(num_key_value_heads=1, max_position_embeddings=32, **SHAPE, **COMMON)
    ),
    "BERT": lambda: transformers.BertForMaskedLM(
        transformers.BertConfig(max_position_embeddings=32, **SHAPE, vocab_size=64, initializer_range=0.1)
    ),
}
MATRICES = {"GPT-2": 2 * 4 + 1, "Llama": 2 * 7 + 1, "BERT": 2 * 6 + 2}
FINE = xb.CrossbarConfig(
    mapping=xb.MappingConfig(weight_bits=16, cell_bits=8, granularity="output"), inputs=xb.InputConfig(bits=None)
)
decoders = pytest.mark.parametrize("name", ["GPT-2", "Llama"])


def batch():
    tokens = torch.randint(1, 64, (3, 9), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(tokens)
    mask[0, :2] = 0  # padded on the left
    return {"input_ids": tokens, "attention_mask": mask}


def pair(name, config=FINE):
    """Return a model whose weights 16 bits can hold, and the same on arrays."""
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error", xb.DigitalLayerWarning)
        analog = xb.convert_to_analog(model, config)
    xb.program_analog_weights(analog, seed=0)
    with torch.no_grad():
        for layer in xb.analog_layers(analog):
            layer.weight.copy_(layer.shape_weight(layer.array.placement.to_weight().t()))
    model = xb.convert_to_digital(analog)
    xb.program_analog_weights(analog, seed=0)
    return model.eval(), analog.eval()


@pytest.mark.parametrize("name", MODELS)
def test_ideal_arrays_give_the_scores_of_the_model(name):
    model, analog = pair(name)
    assert len(xb.analog_layers(analog)) == MATRICES[name]
    with torch.no_grad():
        expected, got = model(**batch()).logits, analog(**batch()).logits
    assert float((got - expected).abs().max()) <= 1e-5
    assert float(expected.std()) > 0.1


@decoders
def test_generation_writes_the_same_text(name):
    model, analog = pair(name)
    settings = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    texts = [net.generate(**batch(), use_cache=use, **settings) for net in (model, analog) for use in (True, False)]
    assert all(torch.equal(text, texts[0]) for text in texts)
    assert len(texts[0][:, 9:].unique()) > 3


@decoders
def test_labels_learn_with_gradient_checkpointing(name):
    config = xb.CrossbarConfig(
        device=xb.devices.PCM_HERMES_TWO_DEVICES, mapping=xb.MappingConfig(cell_bits=7, granularity="output")
    )
    _, analog = pair(name, config)
    # Named anew in version 5.
    enable = getattr(analog, "activation_checkpointing_enable", None) or analog.gradient_checkpointing_enable
    enable()
    labelled = [{**batch(), "labels": batch()["input_ids"]}]
    history = train_hardware_aware(
        analog, labelled, epochs=8, loss=next_token_loss, clip=3.0, optimizer=lambda p: torch.optim.Adam(p, lr=3e-3)
    )
    assert float(history.loss[-1]) < 0.9 * float(history.loss[0])
    xb.program_analog_weights(analog, seed=1)
    history = finetune_layernorm(analog, labelled, loss=next_token_loss)
    assert float(history.loss[-1]) < float(history.loss[0])


@pytest.mark.parametrize("name", MODELS)
def test_models_in_bfloat16_stay_so(name):
    torch.manual_seed(0)
    model = MODELS[name]().bfloat16().eval()
    analog = xb.convert_to_analog(model, xb.CrossbarConfig(inputs=xb.InputConfig(range="static")))
    xb.program_analog_weights(analog, seed=0)
    calibrate_input_ranges(analog, [batch()])
    with torch.no_grad():
        logits = analog(**batch()).logits
    assert logits.dtype == torch.bfloat16
    assert torch.isfinite(logits).all()
