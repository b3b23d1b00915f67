"""Multi-head attention on crossbars: its four projections in arrays, the products of activations digital."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.config import CrossbarConfig
from crossbar.layers.linear import AnalogLinear


class AnalogMultiheadAttention(nn.Module):
    """`nn.MultiheadAttention` on crossbars; arguments and results are those of the digital module.

    Where the digital module keeps the projections of query, key and value in one matrix, so does this one: an array reads
    all three for every input that it gets, and self-attention reads it once.
    """

    _qkv_same_embed_dim = False
    """Tells `nn.TransformerEncoderLayer` not to take its fused path, which would read the ideal weights."""

    def __init__(self, module: nn.MultiheadAttention, config: CrossbarConfig) -> None:
        super().__init__()
        self.embed_dim, self.num_heads, self.dropout = module.embed_dim, module.num_heads, module.dropout
        self.kdim, self.vdim, self.batch_first = module.kdim, module.vdim, module.batch_first
        self.add_zero_attn = module.add_zero_attn
        self.in_proj_bias, self.bias_k, self.bias_v = module.in_proj_bias, module.bias_k, module.bias_v
        weights = (
            [module.in_proj_weight]
            if module.in_proj_weight is not None
            else [module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]
        )
        # The bias of all three projections is one vector, added behind the arrays.
        self.projections = nn.ModuleList(AnalogLinear(weight, None, config) for weight in weights)
        self.out_proj = AnalogLinear.from_digital(module.out_proj, config)

    @classmethod
    def from_digital(cls, module: nn.Module, config: CrossbarConfig) -> "AnalogMultiheadAttention":
        """Return an analog attention with the parameters of `module`."""
        if not isinstance(module, nn.MultiheadAttention):
            raise TypeError(f"`module` must be nn.MultiheadAttention. Got {type(module).__name__}.")
        return cls(module, config)

    def to_digital(self) -> nn.MultiheadAttention:
        """Return the digital attention with the ideal weights."""
        module = nn.MultiheadAttention(
            self.embed_dim,
            self.num_heads,
            dropout=self.dropout,
            bias=self.in_proj_bias is not None,
            add_bias_kv=self.bias_k is not None,
            add_zero_attn=self.add_zero_attn,
            kdim=self.kdim,
            vdim=self.vdim,
            batch_first=self.batch_first,
            device="meta",
        )
        joint = len(self.projections) == 1
        names = ("in_proj_weight",) if joint else ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        for name, projection in zip(names, self.projections, strict=True):
            module.register_parameter(name, cast(AnalogLinear, projection).weight)
        module.in_proj_bias, module.bias_k, module.bias_v = self.in_proj_bias, self.bias_k, self.bias_v
        module.out_proj.register_parameter("weight", self.out_proj.weight)
        module.out_proj.register_parameter("bias", self.out_proj.bias)
        return module

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend, as `nn.MultiheadAttention.forward` does."""
        batched = query.ndim == 3
        same = query is key and key is value
        tensors = [t if batched else t[:, None] for t in (query, key, value)]
        if batched and self.batch_first:
            tensors = [t.transpose(0, 1) for t in tensors]
        q, k, v = self._project(tensors, same=same)  # (time, batch, embed_dim)
        k, v = self._extended(k, v)
        q, k, v = (self._heads(t) for t in (q, k, v))  # (batch, heads, time, head size)
        mask = self._mask(key_padding_mask, attn_mask, q, k, batched=batched)
        context, weights = self._attend(q, k, v, mask, need_weights)
        output = self.out_proj(context.permute(2, 0, 1, 3).flatten(2))
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            return output[:, 0], None if weights is None else weights[0]
        return output.transpose(0, 1) if self.batch_first else output, weights

    def _project(self, tensors: list[Tensor], *, same: bool) -> list[Tensor]:
        """Read the projections of query, key and value, (time, batch, embed_dim) each."""
        if len(self.projections) > 1:
            outputs = [projection(t) for projection, t in zip(self.projections, tensors, strict=True)]
        elif same:
            outputs = list(self.projections[0](tensors[0]).chunk(3, -1))
        else:
            outputs = [self.projections[0](t).chunk(3, -1)[part] for part, t in enumerate(tensors)]
        if self.in_proj_bias is None:
            return outputs
        return [o + bias for o, bias in zip(outputs, self.in_proj_bias.chunk(3), strict=True)]

    def _extended(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append the learnt and the zero key and value, where the module has them."""
        if self.bias_k is not None and self.bias_v is not None:
            k = torch.cat([k, self.bias_k.expand(1, k.shape[1], -1)])
            v = torch.cat([v, self.bias_v.expand(1, v.shape[1], -1)])
        if self.add_zero_attn:
            k, v = (F.pad(t, (0, 0, 0, 0, 0, 1)) for t in (k, v))
        return k, v

    def _heads(self, t: Tensor) -> Tensor:
        return t.reshape(t.shape[0], t.shape[1], self.num_heads, -1).permute(1, 2, 0, 3)

    def _mask(
        self, padding: Tensor | None, attention: Tensor | None, q: Tensor, k: Tensor, *, batched: bool
    ) -> Tensor | None:
        """Join both masks into one that is added to the scores, broadcastable to (batch, heads, queries, keys)."""
        total: Tensor | None = None
        for mask in (padding, attention):
            if mask is None:
                continue
            added = (
                torch.zeros_like(mask, dtype=q.dtype).masked_fill_(mask, -torch.inf)
                if mask.dtype == torch.bool
                else mask
            )
            added = F.pad(added, (0, k.shape[2] - added.shape[-1]))
            if mask is padding:
                added = (added if batched else added[None])[:, None, None]
            elif added.ndim == 3:
                added = added.view(-1, self.num_heads, *added.shape[1:])
            total = added if total is None else total + added
        return total

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, need_weights: bool) -> tuple[Tensor, Any]:
        dropout = self.dropout if self.training else 0.0
        if not need_weights:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout), None
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        weights = torch.softmax(scores if mask is None else scores + mask, -1)
        weights = F.dropout(weights, dropout)
        return weights @ v, weights
