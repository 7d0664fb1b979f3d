"""models/make_starter.py trains on both sources in one dataset, with one set of label names."""

import csv
import importlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.augmentation.overlay import Overlay
from audiotag.data.layouts import open_dataset
from audiotag.starter.render import StarterCounts, render_starter
from audiotag.tagging.card_reading import read_card
from audiotag.training.recipe_files import load_recipe
from audiotag.workspace import Workspace

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture
def make_starter(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(MODELS)
    return importlib.import_module("make_starter")


@pytest.fixture
def esc10(tmp_path: Path) -> Path:
    """Three recordings in the layout of ESC-10, two of them from one source."""
    folder = tmp_path / "esc10"
    (folder / "audio").mkdir(parents=True)
    rows = [("filename", "category", "fold", "src_file")]
    for name, label, fold, source in (
        ("1-100-A.ogg", "Dog bark", 1, 100),
        ("1-100-B.ogg", "Dog bark", 1, 100),
        ("2-200-A.ogg", "Baby cry", 2, 200),
    ):
        soundfile.write(folder / "audio" / name, np.zeros(44_100), 44_100, format="OGG", subtype="VORBIS")
        rows.append((name, label, str(fold), str(source)))
    with (folder / "esc10.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def test_both_sources_are_gathered_with_one_set_of_label_names(make_starter: Any, esc10: Path, tmp_path: Path) -> None:
    starter = render_starter(tmp_path / "starter", seed=7, counts=StarterCounts(curated=3, noisy=1, test=2), workers=1)
    for _ in range(2):  # the second call finds it complete
        make_starter.gather(esc10, starter, tmp_path / "both")
    both = open_dataset(tmp_path / "both")
    assert not both.problems
    assert both.clips["subset"].value_counts().to_dict() == {"curated": 6, "noisy": 1, "test": 2}
    labels = dict(zip(both.clips["clip"], both.clips["labels"], strict=True))
    assert labels["1-100-A.ogg"] == ("Bark",)  # the name in FSDKaggle2019
    assert labels["2-200-A.ogg"] == ("Baby_cry",)  # its own name
    rendered = open_dataset(starter)
    for clip in rendered.clips.itertuples():
        assert labels[clip.clip] == clip.labels
    paths = dict(zip(both.clips["clip"], both.clips["path"], strict=True))
    assert Path(paths["2-200-A.ogg"]).resolve() == esc10 / "audio" / "2-200-A.ogg"
    groups = dict(zip(both.clips["clip"], both.clips["group"], strict=True))
    assert groups["1-100-A.ogg"] == groups["1-100-B.ogg"] != groups["2-200-A.ogg"]
    assert all(pd.isna(groups[clip]) for clip in rendered.clips["clip"])  # each is a source of its own


def test_recipe_is_the_default_one_with_the_labels_of_both_clips_in_an_overlay(make_starter: Any) -> None:
    ours, default = make_starter.recipe(None), load_recipe("default")
    assert replace(ours, augment=default.augment, stages=default.stages, negatives=default.negatives) == default
    assert [item.labels for item in ours.augment if isinstance(item, Overlay)] == ["both"]
    assert [item for item in ours.augment if not isinstance(item, Overlay)] == [
        item for item in default.augment if not isinstance(item, Overlay)
    ]
    noisy, curated, whole = default.stages
    assert ours.stages[0] == replace(noisy, negatives=False)
    assert ours.stages[1] == replace(curated, epochs=make_starter.CURATED_EPOCHS, min_clips=0, negatives=False)
    assert ours.stages[2] == replace(
        curated, epochs=make_starter.NEGATIVES_EPOCHS, min_clips=0, lr=make_starter.NEGATIVES_LR
    )
    assert ours.stages[3] == replace(whole, without=("crop",))
    assert len(ours.stages) == 4


def test_recipe_adds_rendered_sounds_and_speech_without_labels(make_starter: Any, tmp_path: Path) -> None:
    silent, speaking = make_starter.recipe(None).negatives, make_starter.recipe(tmp_path).negatives
    assert (silent.share, silent.folder) == (make_starter.NEGATIVES_SHARE, "")
    assert speaking == replace(silent, folder=str(tmp_path))


def test_trust_is_written_into_the_card_and_the_rest_of_it_stays(
    make_starter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "starter"
    folder.mkdir()
    for name in ("card.json", "out-of-fold.safetensors"):
        (folder / name).write_bytes((MODELS / "starter" / name).read_bytes())
    card = read_card(folder)
    assert card.noise_gate is not None
    values = json.loads((folder / "card.json").read_text())
    old = {name: value for name, value in values.items() if name not in ("calibration", "noise_gate")}
    (folder / "card.json").write_text(json.dumps(old))
    monkeypatch.setattr(make_starter, "gate_tagger", lambda ensemble: None)
    monkeypatch.setattr(make_starter, "measure_noise_gate", lambda tagger, **_: card.noise_gate)
    make_starter.write_trust(folder)
    assert json.loads((folder / "card.json").read_text()) == values


@pytest.mark.parametrize("has_voices", [True, False])
def test_single_network_learns_with_the_speech_of_the_folds_if_there_is_any(
    make_starter: Any, has_voices: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    home = Workspace(tmp_path / "home")
    monkeypatch.setattr(make_starter, "render_speech", lambda folder: "espeak-ng 1.51" * has_voices)
    monkeypatch.setattr(make_starter, "find_source", lambda *given: asked.append(given))
    monkeypatch.setattr(make_starter, "train_student", lambda *given, **named: None)
    monkeypatch.setattr(make_starter, "save_single", lambda *given, **named: SimpleNamespace(sentences=lambda: []))
    make_starter.write_single(tmp_path / "starter", tmp_path / "sounds", home, "cpu", False)
    speech = home.root / "starter-speech" if has_voices else None
    assert asked == [(tmp_path / "starter", home, tmp_path / "sounds", speech)]
