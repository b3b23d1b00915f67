"""A small decoder with what models of libraries have: a cache, `generate`, gradient checkpointing, low-rank adapters."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

WIDTH, HEADS, VOCABULARY = 24, 2, 17


class Block(nn.Module):
    """Pre-norm attention and feed-forward network, with keys and values of earlier tokens kept where asked for."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x, past=None):
        """Return (batch, tokens, WIDTH), and keys and values so far."""
        y = self.norm1(x)
        query, key, value = (
            layer(y).unflatten(-1, (HEADS, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        tokens, total = query.shape[2], key.shape[2]
        seen = torch.ones(tokens, total, dtype=torch.bool).tril(total - tokens)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=seen).transpose(1, 2).flatten(2)
        x = x + self.out(mixed)
        return x + self.down(F.gelu(self.up(self.norm2(x)))), (key, value)


class Decoder(nn.Module):
    """Two blocks between a table of tokens and a head."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(VOCABULARY, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.checkpointing: bool | None = None
        """Recompute blocks in the backward pass: with the reentrant form, the other one, or not at all (None)."""

    def forward(self, input_ids, past=None):
        """Return logits (batch, tokens, VOCABULARY) and the cache."""
        x, cache = self.table(input_ids), []
        for number, block in enumerate(self.blocks):
            before = None if past is None else past[number]
            if self.checkpointing is None:
                x, kept = block(x, before)
            else:
                x, kept = checkpoint(block, x, before, use_reentrant=self.checkpointing)
            cache.append(kept)
        return self.head(self.norm(x)), cache

    @torch.no_grad()
    def generate(self, input_ids, *, tokens, use_cache):
        """Return the input and the most likely tokens after it."""
        logits, cache = self(input_ids)
        for _ in range(tokens):
            chosen = logits[:, -1:].argmax(-1)
            input_ids = torch.cat([input_ids, chosen], 1)
            logits, cache = self(chosen, cache) if use_cache else self(input_ids)
        return input_ids


class LoRA(nn.Module):
    """A layer with a low-rank path beside it, in the form that peft gives its layers."""

    def __init__(self, base_layer, rank=4):
        super().__init__()
        self.base_layer = base_layer
        self.lora_A = nn.ModuleDict({"default": nn.Linear(base_layer.in_features, rank, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(rank, base_layer.out_features, bias=False)})
        nn.init.zeros_(self.lora_B["default"].weight)

    @property
    def weight(self):
        return self.base_layer.weight

    def forward(self, x):
        """Return what the layer gives and the path adds."""
        return self.base_layer(x) + self.lora_B["default"](self.lora_A["default"](x))

    @torch.no_grad()
    def merge(self):
        """Add the path to the weight of the layer, and return the layer."""
        self.base_layer.weight += self.lora_B["default"].weight @ self.lora_A["default"].weight
        return self.base_layer
