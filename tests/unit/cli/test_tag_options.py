"""``audiotag tag`` combines folds and takes thresholds as its options say."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag.tagging.card_reading import read_card
from audiotag.tagging.out_of_fold import FILE, OutOfFold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.tagging.thresholds import save_thresholds
from audiotag.workspace import Workspace

from ..conftest import CommandResult


@pytest.fixture
def measured_ensemble(tiny_ensemble: Path, tmp_path: Path) -> Path:
    """The tiny ensemble with out-of-fold scores, as if it had been trained."""
    import hashlib

    folder = shutil.copytree(tiny_ensemble, tmp_path / "measured")
    draw = np.random.default_rng(0)
    targets = (draw.random((100, 3)) < 0.4).astype(np.float32)
    scores = np.clip(0.3 * targets + draw.normal(0.3, 0.1, targets.shape), 0.01, 0.99).astype(np.float32)
    content = OutOfFold(scores, targets, np.arange(100) % 2 + 1).to_bytes()
    (folder / FILE).write_bytes(content)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"out_of_fold": hashlib.sha256(content).hexdigest()}))
    return folder


@pytest.mark.parametrize(
    ("options", "out"),
    [
        ((), True),
        (("--tta",), False),
        (("--combine", "geometric", "--overlap", "0"), True),
        (("--combine", "weighted", "--folds", "2", "--windows", "max"), False),
    ],
    ids=["default", "tta", "geometric", "weighted"],
)
def test_command_and_library_give_the_same_scores(
    run: Callable[..., CommandResult], sounds: Path, measured_ensemble: Path, tmp_path: Path, options: tuple, out: bool
) -> None:
    values = dict(zip(options[::2], options[1::2], strict=False))
    settings = TagSettings(
        combine=values.get("--combine", "mean"),
        tta="--tta" in options,
        overlap=float(values["--overlap"]) if "--overlap" in values else None,
        windows=values.get("--windows"),
        folds=(2,) if "--folds" in values else (),
    )
    library = Tagger(measured_ensemble, settings)
    file = ("--out", tmp_path / "tags.json") if out else ()
    result = run("tag", sounds, "--ensemble", measured_ensemble, *options, "--json", *file)
    rows = [row for row in result.json() if "problem" not in row]
    assert len(rows) == 3
    for row in rows:
        tags = library.tag(Path(row["path"]))
        for label, score in zip(library.card.labels, tags.scores, strict=True):
            assert row["scores"][label] == pytest.approx(score, abs=0.51e-4)
        assert [tag["label"] for tag in row["tags"]] == [tag.label for tag in tags.tags]


def test_weights_without_out_of_fold_scores_are_refused(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path
) -> None:
    result = run("tag", sounds, "--ensemble", tiny_ensemble, "--combine", "weighted")
    assert result.status == 2
    assert "tiny holds no out-of-fold scores to fit weights to" in result.err
    result = run("tag", sounds, "--ensemble", tiny_ensemble, "--threshold", "f1")
    assert result.status == 2
    assert "tiny holds no out-of-fold scores" in result.err


def test_thresholds_are_those_of_the_options_else_the_saved_ones_else_the_cards(
    run: Callable[..., CommandResult], sounds: Path, measured_ensemble: Path
) -> None:
    card = read_card(measured_ensemble)

    def tags(*options: str) -> tuple[list[str], str]:
        result = run("tag", sounds / "a.wav", "--ensemble", measured_ensemble, "--json", *options)
        assert result.status == 0
        return sorted(tag["label"] for tag in result.json()[0]["tags"]), result.err

    assert tags() == (["Bark", "Bell"], "")
    assert tags("--threshold", "0") == (["Bark", "Bell", "Hiss"], "")
    assert tags("--threshold", "1", "--threshold", "Hiss=0.01") == (["Hiss"], "")
    save_thresholds(Workspace(), card, (1.0, 1.0, 0.01))
    saved, message = tags()
    assert saved == ["Hiss"]
    assert message == "Tags use the thresholds that you saved for tiny; --threshold card takes its own.\n"
    assert tags("--threshold", "card") == (["Bark", "Bell"], "")
    assert tags("--threshold", "Bark=1") == (["Bell"], "")
    for aim in ("f1", "precision=0.8"):
        least = held_out_of(measured_ensemble).thresholds(*(("f1",) if aim == "f1" else ("precision", 0.8)))
        scores = Tagger(measured_ensemble).tag(sounds / "a.wav").scores
        passing = sorted(label for label, score, at in zip(card.labels, scores, least, strict=True) if score >= at)
        assert tags("--threshold", aim) == (passing, "")


def held_out_of(folder: Path) -> OutOfFold:
    from audiotag.tagging.out_of_fold import read_out_of_fold

    found = read_out_of_fold(folder, read_card(folder))
    assert found is not None
    return found
