from types import SimpleNamespace

import pytest
import torch
from torch import nn

from crossbar.batches import call_model, model_input, model_logits, model_target, require_finite_input
from crossbar.classification import class_score, classification_accuracy

X, Y = torch.eye(3), torch.tensor([0, 1, 0])


class Tokens(nn.Module):
    """A model called by keywords, whose output is an object."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding.from_pretrained(torch.eye(3))

    def forward(self, *, input_ids, attention_mask):
        return SimpleNamespace(logits=self.table(input_ids) * attention_mask[:, None])


@pytest.mark.parametrize(
    "batch", [(X, Y), [X, Y], {"image": X, "label": Y}, {"x": X, "y": Y}, {"inputs": X, "targets": Y}]
)
def test_labelled_batches(batch):
    assert model_input(batch) is X
    assert model_target(batch) is Y
    assert classification_accuracy(nn.Identity(), [batch, batch]) == pytest.approx(2 / 3)


def test_keyword_batches_call_the_model_by_name():
    batch = {"input_ids": torch.tensor([0, 1, 2]), "attention_mask": torch.tensor([1, 1, 0]), "labels": Y}
    assert set(model_input(batch)) == {"input_ids", "attention_mask"}
    expected = torch.diag(torch.tensor([1.0, 1.0, 0.0]))
    assert torch.equal(model_logits(call_model(Tokens(), batch)), expected)
    # The last row has no highest score, and argmax takes the first.
    assert classification_accuracy(Tokens(), [batch]) == 1


def test_logits_of_outputs():
    for output in (X, {"logits": X}, SimpleNamespace(logits=X), (X, Y)):
        assert model_logits(output) is X


def test_bad_batches():
    with pytest.raises(TypeError, match="needs one of the keys x, input"):
        model_input({"labels": Y, "name": "text"})
    with pytest.raises(TypeError, match="must be a tensor, a tuple"):
        model_input(3)
    with pytest.raises(TypeError, match="labelled mapping needs"):
        model_target({"x": X})
    with pytest.raises(TypeError, match="labelled batch must be"):
        model_target(X)
    with pytest.raises(ValueError, match="at least one labelled batch"):
        classification_accuracy(nn.Identity(), [])


def test_non_finite_inputs_are_refused():
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"finite inputs. Got 9 that are NaN or infinite"):
            require_finite_input((X * value if value == value else X + value, Y))
    require_finite_input({"query": X, "mask": torch.full((3,), -float("inf"))})
    require_finite_input((torch.tensor([1, 2]), Y))
    with pytest.raises(ValueError, match="Got 3 that"):
        require_finite_input({"query": X, "mask": torch.full((3,), float("nan"))})


def test_scores_are_those_of_the_counted_labels():
    scores = torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 5.0]])
    found = class_score(nn.Identity(), [(scores, torch.tensor([0, -100, 0]))])
    first, last = 1 / (1 + torch.exp(torch.tensor([-2.0, 5.0], dtype=torch.float64)))
    assert found.accuracy == 0.5
    assert found.confidence == pytest.approx(float(first + last) / 2)


def test_scores_of_positions():
    """Scores (batch, classes, positions) against classes (batch, positions)."""
    scores = torch.eye(3)[None].expand(2, 3, 3)
    assert classification_accuracy(nn.Identity(), [(scores, torch.tensor([[0, 1, 2], [0, 1, 1]]))]) == 5 / 6
