"""Multi-head attention rebuilt around its projections; the products of activations stay digital."""

from typing import Any, cast, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.layers.composite import AbstractComposite, linear_of


@final
class DecomposedAttention(AbstractComposite):
    """`nn.MultiheadAttention` with a layer for every weight matrix; arguments and results are those of the module.

    Where the module keeps the projections of query, key and value in one matrix, so does this one, `projections.0`: an
    array reads all three for every input that it gets, and self-attention reads it once. Else they are `projections.0`,
    `.1` and `.2`. The last one is `out_proj`.
    """

    digital_classes = (nn.MultiheadAttention,)
    _qkv_same_embed_dim = False
    """Tells `nn.TransformerEncoderLayer` not to take its fused path, which would read the ideal weights."""

    def hold(self, module: nn.Module) -> None:
        """Take over settings and parameters of an attention module."""
        module = cast(nn.MultiheadAttention, module)
        self.embed_dim, self.num_heads, self.dropout = module.embed_dim, module.num_heads, module.dropout
        self.kdim, self.vdim, self.batch_first = module.kdim, module.vdim, module.batch_first
        self.add_zero_attn = module.add_zero_attn
        self.in_proj_bias, self.bias_k, self.bias_v = module.in_proj_bias, module.bias_k, module.bias_v
        joint = module.in_proj_weight is not None
        names = ("in_proj_weight",) if joint else ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        # The bias of all three projections is one vector, added behind the arrays.
        self.projections = nn.ModuleList(linear_of(getattr(module, name)) for name in names)
        self.out_proj = linear_of(cast(nn.Parameter, module.out_proj.weight), module.out_proj.bias)

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
        """Attend, as `nn.MultiheadAttention.forward` does.

        Raises
        ------
        RuntimeError
            If `is_causal` comes without the mask that it tells about, as in torch.
        """
        if is_causal and attn_mask is None:
            raise RuntimeError(
                "`is_causal=True` only tells about `attn_mask`, which is missing. Give the causal mask: "
                "`nn.Transformer.generate_square_subsequent_mask(time)`."
            )
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
            # Not by padding, which refuses empty batches in torch 2.6.
            k, v = (torch.cat([t, t.new_zeros(1, *t.shape[1:])]) for t in (k, v))
        return k, v

    def _heads(self, t: Tensor) -> Tensor:
        return t.reshape(*t.shape[:2], self.num_heads, t.shape[2] // self.num_heads).permute(1, 2, 0, 3)

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
