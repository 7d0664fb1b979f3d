"""The Tag page combines folds and takes thresholds as it is told, and shows the command that does the same."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.tagging.ablation import GEOMETRIC, MEAN, ONE, Ablation, AblationRow, write_ablation
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.tagging.tagger import Tagger
from audiotag.tagging.thresholds import read_saved_thresholds, save_thresholds
from audiotag.ui import ensemble_cache
from audiotag.workspace import Workspace

from .conftest import beep, open_page, texts, wav
from .tag_page import badges, command, given_path, noise, opened, uploaded, words

# How tags are made


def test_combining_does_not_run_the_networks_again_but_augmentation_does(
    home: Workspace, held_out: OutOfFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = Tagger.score
    monkeypatch.setattr(Tagger, "score", lambda self, pictures: calls.append(pictures.name) or real(self, pictures))
    content = noise(3.0, seed=8)
    at = uploaded(open_page("pages/tag.py"), ("a.wav", content))
    assert calls.count("a.wav") == 1
    tagger = Tagger(home.ensembles / "tiny")
    evidence = tagger.evidence(content, "a.wav")
    calls.clear()
    for way in ("geometric", "weighted", "mean"):
        at = at.radio(key="combine").set_value(way).run()
        settings = type(tagger.settings)(combine=way)  # type: ignore[arg-type]
        wanted = {f"{tag.label} {tag.score:.2f}" for tag in tagger.tags_of(evidence, settings).tags}
        assert all(text in words(at) for text in wanted)
    at = at.selectbox(key="windows").set_value("max").run()
    assert "The sound's score is the highest of the windows" in "\n".join(texts(at.caption))
    assert calls == []
    at = at.toggle(key="tta").set_value(True).run()
    assert not at.exception
    assert calls.count("a.wav") == 1


def test_weighted_mean_needs_out_of_fold_scores(home: Workspace) -> None:
    assert len(open_page("pages/tag.py").radio(key="combine").options) == 2


def test_the_command_follows_what_is_chosen(home: Workspace, held_out: OutOfFold) -> None:
    at = uploaded(open_page("pages/tag.py", combine="geometric mean", tta="true"), ("my sound.wav", wav(beep(1))))
    assert command(at) == "audiotag tag 'my sound.wav' --ensemble tiny --combine geometric --tta --out tags.csv"
    at = opened(at, "Thresholds")
    at = at.slider(key="threshold-tiny-0").set_value(0.25).run()
    at = at.selectbox(key="windows").set_value("max").run()
    assert command(at).endswith("--windows max --tta --threshold Bark=0.25 --out tags.csv")


@pytest.mark.parametrize("aim", ["", "precision"])
def test_the_command_that_is_shown_gives_the_tags_that_are_shown(
    home: Workspace, held_out: OutOfFold, tmp_path: Path, capsys: pytest.CaptureFixture[str], aim: str
) -> None:
    """With a threshold that is moved alone, or after all were set for a target."""
    from audiotag.cli.main import main

    (tmp_path / "my sound.wav").write_bytes(noise(3.0, seed=9))
    at = given_path(
        open_page("pages/tag.py", combine="geometric mean", drawer="true", settings="Thresholds"),
        tmp_path / "my sound.wav",
    )
    for value in ("weighted", "geometric"):  # thresholds by an aim are of the way that folds are combined now
        at = at.radio(key="combine").set_value(value).run()
    if aim:
        at = at.selectbox(key="threshold-aim").set_value(aim).run().button(key="threshold-set-all").click().run()
    at = at.slider(key="threshold-tiny-0").set_value(0.01).run()
    shown = [(tag.split()[0], tag.split()[1]) for tag in re.findall(r"material/check: ([^]]+)", words(at))]
    assert "Bark" in dict(shown)
    with pytest.raises(SystemExit) as ended:
        main([*shlex.split(command(at).removesuffix(" --out tags.csv"))[1:], "--json"])
    assert ended.value.code == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert [(tag["label"], f"{tag['score']:.2f}") for tag in entry["tags"]] == shown


def test_gains_are_shown_where_they_were_measured(home: Workspace) -> None:
    at = opened(open_page("pages/tag.py"), "Options")
    assert "audiotag ablation tiny DATASET --save" in [code.value for code in at.code]
    folder = home.ensembles / "tiny"
    checksums = tuple(fold.sha256 for fold in ensemble_cache.load_card(folder).folds)
    rows = (
        AblationRow(ONE, 0.8, 0.7, "", None, 5.0),
        AblationRow(MEAN, 0.85, 0.75, ONE, 0.05, 24.0),
        AblationRow(GEOMETRIC, 0.86, 0.76, MEAN, 0.01, 24.0),
    )
    write_ablation(folder, Ablation(rows, "mine", "test", 120, 3, "2026-11-22", checksums, "torch"))
    at = opened(open_page("pages/tag.py"), "Options")
    assert list(at.radio(key="combine").proto.captions) == [
        "+0.050 lwlrap over one fold, 24 ms per clip.",
        "+0.010 lwlrap over all folds, arithmetic mean, 24 ms per clip.",
    ]
    assert any("Measured on 120 test clips of mine" in text for text in texts(at.caption))
    (folder / "gains.json").write_text("{")
    assert any(
        "tiny/gains.json is damaged" in text for text in texts(opened(open_page("pages/tag.py"), "Options").caption)
    )


# Thresholds


def with_thresholds_open() -> AppTest:
    at = uploaded(open_page("pages/tag.py", drawer="true", settings="Thresholds"), ("beep.wav", wav(beep(1))))
    assert not at.exception
    return at


def test_the_slider_shows_precision_and_recall_as_it_moves(home: Workspace, held_out: OutOfFold) -> None:
    at = with_thresholds_open()
    for threshold in (0.0, 0.1, 0.5, 1.0):
        at = at.slider(key="threshold-tiny-0").set_value(threshold).run()
        precision, recall = held_out.precision_recall(0, threshold)
        wanted = "unknown" if np.isnan(precision) else f"{precision:.2f}"
        assert f"Precision {wanted}" in words(at)
        assert f"Recall {recall:.2f}" in words(at)
    assert "Recall unknown" in words(at.selectbox(key="threshold-label").set_value("Hiss").run())


def test_a_changed_threshold_applies_at_once_and_is_saved_by_the_button(home: Workspace, held_out: OutOfFold) -> None:
    at = with_thresholds_open()
    card = ensemble_cache.load_card(home.ensembles / "tiny")
    assert "Bark" in badges(at)
    at = at.slider(key="threshold-tiny-0").set_value(1.0).run()
    assert "Bark" not in badges(at)
    assert read_saved_thresholds(home, card) is None
    at = at.button(key="threshold-save").click().run()
    assert not at.exception
    assert read_saved_thresholds(home, card) == (1.0, 0.0, 1.0)
    later = with_thresholds_open()
    assert "Bark" not in badges(later)
    assert "--threshold" not in command(later)  # the command reads what is saved
    later = later.button(key="threshold-reset").click().run()
    assert "Bark" in badges(later)
    assert read_saved_thresholds(home, card) is None


def test_all_thresholds_are_set_by_an_aim(home: Workspace, held_out: OutOfFold) -> None:
    at = with_thresholds_open()
    for aim, least in (("f1", 0.9), ("precision", 0.9), ("recall", 0.6)):
        at = at.selectbox(key="threshold-aim").set_value(aim).run()
        if aim != "f1":
            at = at.slider(key="threshold-least").set_value(least).run()
        at = at.button(key="threshold-set-all").click().run()
        (table,) = [frame.value for frame in at.dataframe if "threshold" in frame.value]
        np.testing.assert_allclose(table["threshold"], held_out.thresholds(aim, least), atol=1e-4)
        assert list(table["clips"]) == [10, 20, 0]
        assert f" --threshold {'f1' if aim == 'f1' else f'{aim}={least:g}'} --out" in command(at)


def test_an_ensemble_without_out_of_fold_scores_has_sliders_too(home: Workspace) -> None:
    at = with_thresholds_open()
    assert any("contains no out-of-fold scores" in text for text in texts(at.caption))
    at = at.slider(key="threshold-tiny-0").set_value(1.0).run()
    assert badges(at) == ["Bell"]


def test_damaged_thresholds_in_the_workspace_give_a_message(home: Workspace) -> None:
    card = ensemble_cache.load_card(home.ensembles / "tiny")
    save_thresholds(home, card, card.thresholds)
    (home.root / "thresholds" / "tiny.json").write_text("{")
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(1))))
    assert not at.exception
    assert len([error for error in texts(at.error) if "does not hold thresholds" in error]) == 1
    assert sorted(badges(at)) == ["Bark", "Bell"]
