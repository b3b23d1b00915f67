"""What the site shows as code runs, and its tables of config fields are complete."""

import dataclasses
import os
import re
import textwrap
from pathlib import Path

import pytest
import torch

import crossbar as xb

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *(DOCS / "how_to").glob("*.md")])
CONFIGS = (
    xb.CrossbarConfig,
    xb.MappingConfig,
    xb.InputConfig,
    xb.ADC,
    xb.Wires,
    xb.WireCompensation,
    xb.TrainingEffects,
    xb.Device,
)


def program(text, pattern=r"^ *```python\n(.*?)^ *```$"):
    return "\n".join(textwrap.dedent(block) for block in re.findall(pattern, text, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("path", [p for p in PAGES if program(p.read_text("utf-8"))], ids=lambda path: path.stem)
def test_blocks_of_a_page_run_one_after_the_other(path, tmp_path, monkeypatch):
    for name in ("sklearn", "zarr", "matplotlib"):
        pytest.importorskip(name, reason="comes with the test extra")
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    exec(compile(program(path.read_text("utf-8")), path.name, "exec"), {"__name__": "page"})
    plt.close("all")


def test_the_page_on_transformers_runs():
    pytest.importorskip("transformers", reason="transformers is not installed")
    text = (DOCS / "how_to" / "transformers.md").read_text("utf-8")
    exec(program(text, r"^```\{code-block\} python\n:class: with-transformers\n(.*?)^```$"), {"__name__": "page"})


def test_what_the_readme_says_on_transformers_runs():
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    text = (DOCS.parent / "README.md").read_text("utf-8")
    section = re.search(r"^## Transformers\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)[1]
    torch.manual_seed(0)
    small = transformers.GPT2Config(
        n_layer=2, n_head=2, n_embd=32, n_positions=64, vocab_size=128, bos_token_id=0, eos_token_id=None
    )
    tokens = torch.randint(0, 128, (4, 16))
    prompt = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    given = {"xb": xb, "gpt": transformers.GPT2LMHeadModel(small).eval(), "batches": [prompt], "prompt": prompt}
    exec(program(section), given)
    assert given["text"].shape == (4, 48)


def test_every_field_of_a_config_has_its_row():
    text = (DOCS / "how_to" / "config_fields.md").read_text("utf-8")
    tables = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    rows = {name: sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) for name, table in tables.items()}
    assert rows == {config.__name__: sorted(field.name for field in dataclasses.fields(config)) for config in CONFIGS}


def test_pages_name_no_folder_of_a_machine():
    for folder, _, files in os.walk(DOCS):
        for name in files:
            if name.endswith((".md", ".py")) and not {"generated", "tutorials", "reference"} & {*Path(folder).parts}:
                text = (Path(folder) / name).read_text("utf-8")
                assert not re.search(r"/(home|root|tmp|Users)/", text), name
