"""A small GPT over characters and a small vision transformer, both of pre-norm blocks."""

from collections.abc import Callable
from typing import cast, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.examples.evaluation import Split


@final
class TransformerBlock(nn.Module):
    """Pre-norm self-attention and feed-forward network (GPT-2; Dosovitskiy et al., ICLR 2021).

    Parameters
    ----------
    width
        Features of a token.
    heads
        Attention heads.
    causal
        Whether a token sees itself and earlier ones only.
    """

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, tokens, width)."""
        split = self.query_key_value(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)  # (batch, heads, tokens, width / heads) each
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        x = x + self.project(mixed.transpose(1, 2).flatten(2))
        return x + cast(Tensor, self.down(F.gelu(self.up(self.norm2(x)))))


@final
class CharacterGPT(nn.Module):
    """A decoder over characters, (batch, tokens) -> scores (batch, tokens, characters).

    Parameters
    ----------
    characters
        Size of the alphabet.
    width, heads, layers
        Of the blocks.
    context
        Longest input [tokens].
    """

    def __init__(
        self, characters: int, *, width: int = 128, heads: int = 4, layers: int = 4, context: int = 64
    ) -> None:
        super().__init__()
        self.context = context
        self.table, self.place = nn.Embedding(characters, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(TransformerBlock(width, heads, causal=True) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, characters, bias=False)
        _initialise(self, layers)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the scores of every next character."""
        x = self.table(tokens) + self.place.weight[: tokens.shape[1]]
        return cast(Tensor, self.head(self.norm(self.blocks(x))))


@final
class SmallViT(nn.Module):
    """A vision transformer that averages its tokens, (batch, channels, size, size) -> scores (batch, classes).

    Parameters
    ----------
    channels, size
        Of the square images [pixels].
    patch
        Side of a token [pixels].
    width, heads, layers
        Of the blocks.
    classes
        Number of classes.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        patch: int,
        width: int = 64,
        heads: int = 4,
        layers: int = 4,
        classes: int = 10,
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.place = nn.Embedding((size // patch) ** 2, width)
        self.blocks = nn.Sequential(*(TransformerBlock(width, heads, causal=False) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)
        # So narrow, it trains faster from the weights that torch draws than from those of GPT-2.
        nn.init.normal_(self.place.weight, std=0.5)

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of the classes."""
        x = self.patches(images).flatten(2).transpose(1, 2) + self.place.weight
        return cast(Tensor, self.head(self.norm(self.blocks(x)).mean(1)))


def _initialise(model: CharacterGPT, layers: int) -> None:
    """Draw weights as GPT-2 does: 0.02, and less on the layers that add to the residual stream."""
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            residual = name.endswith((".project", ".down"))
            nn.init.normal_(module.weight, std=0.02 / (2 * layers) ** 0.5 if residual else 0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)


def train_transformer(
    model: nn.Module,
    draw: Callable[[torch.Generator], tuple[Tensor, Tensor]],
    *,
    steps: int,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> None:
    """Train with AdamW, warm-up and cosine, by cross-entropy over every token; the same seed gives the same network.

    Parameters
    ----------
    model
        Gives scores whose last dimension are the classes.
    draw
        Draws a batch (inputs, classes) from a generator.
    steps
        Batches to learn from.
    learning_rate
        Largest rate.
    seed
        Of the batches.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=learning_rate, total_steps=steps, pct_start=0.1)
    model.train()
    for _ in range(steps):
        inputs, classes = draw(generator)
        optimizer.zero_grad()
        F.cross_entropy(model(inputs).flatten(0, -2), classes.flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()


def draw_text(
    tokens: Tensor, *, batch: int = 16, context: int = 64
) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """Return what draws pieces of a text (characters,), and the characters that follow each of theirs."""

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw (batch, context) twice."""
        start = torch.randint(len(tokens) - context, (batch, 1), generator=generator)
        pieces = tokens[start + torch.arange(context + 1)]
        return pieces[:, :-1], pieces[:, 1:]

    return draw


def draw_images(
    data: Split, *, batch: int = 64, shift: int = 1, flip: bool = False
) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """Return what draws images with their classes, all of a batch shifted by up to `shift` pixels and perhaps flipped."""

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw (batch, channels, height, width) and (batch,)."""
        chosen = torch.randint(len(data.labels), (batch,), generator=generator)
        down, right = torch.randint(-shift, shift + 1, (2,), generator=generator).tolist()
        images = torch.roll(data.images[chosen], (down, right), (2, 3))
        mirrored = flip and bool(torch.randint(2, (1,), generator=generator))
        return images.flip(3) if mirrored else images, data.labels[chosen]

    return draw
