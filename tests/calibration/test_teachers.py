"""What networks learn from: next tokens, and what a teacher says."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import crossbar as xb
from calibration import distillation_loss, finetune_layernorm, next_token_loss, taught_by, train_hardware_aware
from tests.calibration.small_problem import BATCHES, X, network


def test_next_tokens():
    logits, labels = torch.randn(2, 5, 7), torch.randint(7, (2, 5))
    labels[0, 3] = -100
    rows = [(b, t) for b in range(2) for t in range(4) if labels[b, t + 1] != -100]
    expected = torch.stack([-F.log_softmax(logits[b, t], 0)[labels[b, t + 1]] for b, t in rows]).mean()
    for output in (logits, {"logits": logits}, SimpleNamespace(logits=logits), (logits, None)):
        torch.testing.assert_close(next_token_loss(output, labels), expected)
    with pytest.raises(ValueError, match=r"`labels` must be the tokens of the input"):
        next_token_loss(logits, labels[:, 1:])


def test_a_student_learns_what_its_teacher_says():
    torch.manual_seed(0)
    teacher, logits, labels = torch.randn(4, 3, 5), torch.randn(4, 3, 5), torch.randint(5, (4, 3))
    labels[1, 2] = -100
    target = {"teacher": teacher, "labels": labels}
    p, q = (F.softmax(scores.double() / 2, -1) for scores in (teacher, logits))
    each = 4 * (p * (p.log() - q.log())).sum(-1)
    divergence = each[labels >= 0].mean()
    assert float(distillation_loss(temperature=2.0)(logits, target)) == pytest.approx(float(divergence), rel=1e-5)
    own = next_token_loss(logits, labels)
    mixed = distillation_loss(temperature=2.0, label_share=0.25, label_loss=next_token_loss)
    assert float(mixed(logits, target)) == pytest.approx(0.75 * float(divergence) + 0.25 * float(own), rel=1e-5)
    assert float(distillation_loss()(teacher, {"teacher": teacher})) == pytest.approx(0.0, abs=1e-6)


def test_losses_of_students_say_what_they_miss():
    loss = distillation_loss()
    with pytest.raises(ValueError, match="needs the teacher's scores"):
        loss(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="must agree"):
        loss(torch.zeros(2, 3), {"teacher": torch.zeros(2, 4)})
    with pytest.raises(ValueError, match="needs labels"):
        distillation_loss(label_share=0.5)(torch.zeros(2, 3), {"teacher": torch.zeros(2, 3)})
    for settings in ({"temperature": 0.0}, {"label_share": 1.5}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            distillation_loss(**settings)


def test_batches_of_a_teacher():
    teacher = network().train()
    labelled, plain = taught_by(teacher, BATCHES), taught_by(teacher, X.split(10))
    assert len(labelled) == 4
    for _ in range(2):
        for (x, target), (x_plain, target_plain), (x_own, y) in zip(labelled, plain, BATCHES, strict=True):
            assert torch.equal(x, x_own)
            assert torch.equal(x_plain, x_own)
            assert torch.equal(target["labels"], y)
            assert target_plain.keys() == {"teacher"}
            assert torch.equal(target["teacher"], network()(x))
            assert not target["teacher"].requires_grad
    assert teacher.training


class Keywords(nn.Module):
    """A model that is called by keywords, as those of Hugging Face."""

    def __init__(self):
        super().__init__()
        self.table, self.norm, self.head = nn.Embedding(12, 6), nn.RMSNorm(6), nn.Linear(6, 12)

    def forward(self, *, input_ids, attention_mask):
        return SimpleNamespace(logits=self.head(self.norm(self.table(input_ids) * attention_mask[..., None])))


@pytest.mark.parametrize("taught", [False, True])
def test_language_models_learn_from_mappings(taught):
    torch.manual_seed(0)
    teacher = Keywords()
    analog = xb.convert_to_analog(teacher, xb.CrossbarConfig())
    ids = torch.arange(5).repeat(8, 1) + torch.arange(8)[:, None] % 7  # every token follows the one before
    batches = [{"input_ids": part, "attention_mask": (part >= 0).float(), "labels": part} for part in ids.split(4)]
    finetune_teacher = torch.optim.Adam(teacher.parameters(), lr=0.05)
    for _ in range(30):
        finetune_teacher.zero_grad()
        next_token_loss(teacher(input_ids=ids, attention_mask=torch.ones(8, 5)), ids).backward()
        finetune_teacher.step()
    settings = {"epochs": 20, "optimizer": lambda p: torch.optim.Adam(p, lr=0.05)}
    if taught:
        history = train_hardware_aware(analog, taught_by(teacher, batches), loss=distillation_loss(), **settings)
    else:
        history = train_hardware_aware(analog, batches, loss=next_token_loss, **settings)
    assert float(history.loss[-1]) < 0.2 * float(history.loss[0])
    xb.program_analog_weights(analog)
    history = finetune_layernorm(analog, batches, loss=next_token_loss, epochs=1)
    assert np.isfinite(history.loss).all()
