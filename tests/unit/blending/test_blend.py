"""A blend is made whole or not at all; its out-of-fold figures are those of clips that no part of it was trained on."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import audiotag
from audiotag.blending.blend import make_blend
from audiotag.blending.common_folds import aligned_scores
from audiotag.blending.settings import PUBLISHED_STACKERS, BlendSettings, FitSettings
from audiotag.blending.training_tiles import score_training_tiles
from audiotag.cli.command_lines import report_commands
from audiotag.cli.main import main
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.figures.ensemble_report.report import report_bytes
from audiotag.metrics import lwlrap
from audiotag.tagging.blend_fusion import fuse_voters
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.known_clips import KnownClips
from audiotag.tagging.model_card import EnsembleFacts
from audiotag.tagging.opening import open_tagger
from audiotag.tagging.out_of_fold import OutOfFold, read_out_of_fold
from audiotag.tagging.settings import TagSettings
from audiotag.workspace import Workspace

from .conftest import Trained

Blends = Callable[[str], Path]


def with_card(member: Path, to: Path, **changes: object) -> Path:
    folder = shutil.copytree(member, to)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))
    return folder


def test_out_of_fold_scores_are_the_mean_of_the_members_own(blends: Blends, trained: Any) -> None:
    folder = blends("plain")
    card = read_card(folder)
    found = read_out_of_fold(folder, card)
    assert found is not None
    held_out = aligned_scores(trained.members, [read_card(member) for member in trained.members])
    assert not isinstance(held_out, str)
    np.testing.assert_allclose(found.scores, fuse_voters(held_out.scores, "geometric", (1, 1, 1)), rtol=1e-5)
    np.testing.assert_array_equal(found.folds, trained.folds)
    assert card.lwlrap == pytest.approx(lwlrap(found.targets, found.scores), abs=1e-5)
    assert [voter.lwlrap for voter in card.folds] == [read_card(member).lwlrap for member in trained.members]


def test_out_of_fold_scores_with_stackers_are_those_that_tagging_gives(blends: Blends, trained: Any) -> None:
    folder = blends("stacked")
    found = read_out_of_fold(folder, read_card(folder))
    assert found is not None
    tagger = open_tagger(folder, TagSettings(overlap=0.75))
    again = np.array([tagger.tag(trained.dataset / f"{number}.wav").scores for number in range(12)])
    np.testing.assert_allclose(found.scores, again, atol=1e-5)
    np.testing.assert_array_equal(found.folds, trained.folds)


def test_the_card_says_members_stackers_and_the_strictest_licence(blends: Blends) -> None:
    card = read_card(blends("stacked"))
    assert card.blend is not None
    assert [member.name for member in card.blend.members] == ["first", "second", "third"]
    assert [stacker.name for stacker in card.blend.stackers] == ["43040", "45041"]
    assert card.licence == "CC BY 4.0"
    assert card.about == "A blend of first, second and third, with 2 stackers."
    assert "slightly too high for new clips" in card.blend.out_of_fold


def test_a_blend_travels_without_its_members(blends: Blends, trained: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(blends("stacked"), tmp_path / "elsewhere" / "renamed")
    clip = trained.dataset / "0.wav"
    np.testing.assert_array_equal(open_tagger(folder).tag(clip).scores, open_tagger(blends("stacked")).tag(clip).scores)


def test_weights_are_kept_in_the_card(trained: Any, tmp_path: Path) -> None:
    settings = BlendSettings("uneven", trained.members[:2], "mean", (3.0, 1.0))
    folder = make_blend(settings, tmp_path)
    tags = open_tagger(folder).tag(trained.dataset / "0.wav")
    own = [open_tagger(member).tag(trained.dataset / "0.wav") for member in trained.members[:2]]
    expected = 0.75 * own[0].scores + 0.25 * own[1].scores[::-1]
    np.testing.assert_allclose(tags.scores, expected, rtol=1e-5)


def test_there_are_no_figures_where_members_held_out_other_clips(trained: Any, tmp_path: Path) -> None:
    member = shutil.copytree(trained.members[1], tmp_path / "other")
    moved = np.roll(trained.folds, 3)
    flags = [[fold != own for fold in (1, 2, 3)] for own in moved]
    content = KnownClips.of(zip(trained.contents, flags, strict=True), 3).to_bytes()
    (member / "known-clips.safetensors").write_bytes(content)
    card = json.loads((member / "card.json").read_text())
    (member / "card.json").write_text(json.dumps(card | {"known_clips": hashlib.sha256(content).hexdigest()}))
    folder = make_blend(BlendSettings("mixed", (trained.members[0], member)), tmp_path / "blends")
    found = read_card(folder)
    assert found.blend is not None
    assert found.blend.out_of_fold.startswith("No out-of-fold figures: first and second did not hold out the same")
    assert read_out_of_fold(folder, found) is None
    assert found.calibration is None
    assert open_tagger(folder).tag(trained.dataset / "0.wav").scores.shape == (3,)
    settings = BlendSettings("stack", (trained.members[0], member), stackers=PUBLISHED_STACKERS)
    with pytest.raises(AudiotagError, match="stackers need members with the same folds"):
        make_blend(settings, tmp_path / "blends", trained.dataset)
    assert sorted(path.name for path in (tmp_path / "blends").iterdir()) == ["mixed"]


def with_other_lists(trained: Trained, to: Path, dropped: int = 1) -> Path:
    """The second member, as if a list of its recipe had relabelled clip 0 and left out the last clips."""
    member, kept = shutil.copytree(trained.members[1], to), len(trained.folds) - dropped
    scored = read_out_of_fold(member, read_card(member))
    assert scored is not None
    flags = [[fold != own for fold in (1, 2, 3)] for own in trained.folds[:kept]]
    files = {
        "known_clips": ("known-clips", KnownClips.of(zip(trained.contents, flags, strict=False), 3).to_bytes()),
        "out_of_fold": (
            "out-of-fold",
            OutOfFold(
                scored.scores[:kept],
                np.concatenate([np.roll(scored.targets[:1], 1, axis=1), scored.targets[1:kept]]),
                scored.folds[:kept],
            ).to_bytes(),
        ),
    }
    card = json.loads((member / "card.json").read_text())
    for field, (name, content) in files.items():
        (member / f"{name}.safetensors").write_bytes(content)
        card[field] = hashlib.sha256(content).hexdigest()
    (member / "card.json").write_text(json.dumps(card))
    return member


def test_members_whose_lists_differ_are_scored_anew_on_the_clips_that_all_held_out(
    trained: Trained, tmp_path: Path
) -> None:
    members = (trained.members[0], with_other_lists(trained, tmp_path / "other"), trained.members[2])
    without = read_card(make_blend(BlendSettings("without", members), tmp_path / "blends"))
    assert without.blend is not None
    assert without.blend.out_of_fold.startswith("No out-of-fold figures: first and second did not hold out the same")
    assert "Name the dataset with --dataset" in without.blend.out_of_fold
    assert not without.out_of_fold
    for stackers, words in (((), "labels that a list"), (PUBLISHED_STACKERS[:1], "Each stacker stopped")):
        settings = BlendSettings(f"all-{len(stackers)}", members, stackers=stackers, fit=FitSettings(max_epochs=1))
        folder = make_blend(settings, tmp_path / "blends", trained.dataset)
        card = read_card(folder)
        assert card.blend is not None
        assert words in card.blend.out_of_fold
        found = read_out_of_fold(folder, card)
        assert found is not None
        np.testing.assert_array_equal(found.folds, trained.folds[:-1])
        np.testing.assert_array_equal(found.targets, np.eye(3)[np.arange(11) % 3])  # those of the tables
        assert len(card.folds) == 3 + len(stackers)


def test_members_that_held_out_too_few_of_the_same_clips_are_not_measured(trained: Trained, tmp_path: Path) -> None:
    members = (trained.members[0], with_other_lists(trained, tmp_path / "other", dropped=2))
    with pytest.raises(AudiotagError, match=r"at least 90 % of the clips that first held out, got 10 of 12; train all"):
        make_blend(BlendSettings("stack", members, stackers=PUBLISHED_STACKERS), tmp_path, trained.dataset)


def test_labels_of_clips_that_are_scored_anew_are_as_reviewers_corrected_them(blends: Blends, trained: Trained) -> None:
    journal = VerdictJournal.of(trained.dataset, Workspace())
    journal.append([Verdict("curated", "0.wav", "Bark", "wrong", ("Bark",), ("Hiss",), "ann")])
    tiles = score_training_tiles(blends("plain"), trained.dataset)
    np.testing.assert_array_equal(tiles.targets, np.eye(3)[[2, *(np.arange(1, 12) % 3)]])


def test_what_cannot_be_blended_is_refused_with_its_reason(blends: Blends, trained: Any, tmp_path: Path) -> None:
    other = with_card(trained.members[1], tmp_path / "odd", labels=["Hiss", "Bell", "Meow"], name="odd")
    first = trained.members[0]
    for members, reason in (
        ((first, other), "first and odd do not share Bark, Meow"),
        ((first, blends("plain")), "plain is a blend; a blend has ensembles as members"),
        ((first, first), "first and first are the same ensemble"),
    ):
        with pytest.raises(AudiotagError, match=reason):
            make_blend(BlendSettings("new", members), tmp_path)
    with pytest.raises(AudiotagError, match="a blend must have at least two members, got 1"):
        BlendSettings("new", (first,))
    with pytest.raises(AudiotagError, match=r"weights must be one per member \(2\), got 3"):
        BlendSettings("new", trained.members[:2], weights=(1.0, 1.0, 1.0))
    with pytest.raises(AudiotagError, match="name their dataset with --dataset"):
        make_blend(BlendSettings("new", trained.members, stackers=PUBLISHED_STACKERS), tmp_path)
    assert not (tmp_path / "new").exists()


def test_a_damaged_blend_card_costs_a_sentence(blends: Blends, tmp_path: Path) -> None:
    folder = shutil.copytree(blends("stacked"), tmp_path / "stacked")
    card = json.loads((folder / "card.json").read_text())
    for blend, reason in (
        ({"combine": "mean"}, "members must be 2 to 30, got 0"),
        ([], "blend must be a table of fields"),
        (card["blend"] | {"combine": "best"}, "combine must be one of 'geometric', 'mean'"),
        (card["blend"] | {"stackers": []}, r"folds of a blend must be one per member and stacker \(3\), got 5"),
        (card["blend"] | {"members": [{"name": "a"}]}, "members.folder is missing"),
        (
            card["blend"] | {"members": [member | {"folder": "../x"} for member in card["blend"]["members"]]},
            "folder must be member-1, member-2",
        ),
    ):
        (folder / "card.json").write_text(json.dumps(card | {"blend": blend}))
        with pytest.raises(AudiotagError, match=reason):
            read_card(folder)


def test_the_command_makes_a_blend_that_other_commands_use(
    trained: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    workspace = Workspace()
    for member in trained.members:
        shutil.copytree(member, workspace.ensembles / member.name)

    def command(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        assert ended.value.code == 0, capsys.readouterr().err
        return capsys.readouterr().out

    stack = ("--stack", "--stack-epochs", "1", "--dataset", str(trained.dataset))
    printed = command("blend", "first", "second", "third", "--name", "all", *stack)
    assert "stacker 50013" in printed
    assert "audiotag tag PATH --ensemble all" in printed
    out = tmp_path / "tags.csv"
    command("tag", str(trained.dataset), "--ensemble", "all", "--out", str(out))
    assert len(out.read_text().splitlines()) == 13
    command("embed", str(trained.dataset), "--ensemble", "all", "--out", str(tmp_path / "vectors.parquet"))
    stores = [path.name for path in (workspace.root / "embeddings").iterdir()]
    assert len(stores) == 1
    assert stores[0].startswith("first-")  # the vectors are shared with the first member


def test_a_blend_is_made_from_python(trained: Any) -> None:
    folder = audiotag.blend(trained.members, "mine", combine="mean", weights=(2.0, 1.0, 1.0))
    assert folder == Workspace().ensembles / "mine"
    tags = audiotag.tag(trained.dataset / "0.wav", "mine")
    np.testing.assert_array_equal(tags.scores, audiotag.open_tagger("mine").tag(trained.dataset / "0.wav").scores)
    card = read_card(folder)
    assert card.blend is not None
    assert card.blend.weights == (2, 1, 1)


def test_settings_of_the_published_stackers_and_of_fitting() -> None:
    assert FitSettings().draws_of(3964) == pytest.approx(32_768, rel=1e-3)
    assert FitSettings(draws=7).draws_of(3964) == 7
    assert [dataclasses.astuple(stacker)[0] for stacker in PUBLISHED_STACKERS] == ["43040", "45041", "50013"]


def test_report_of_a_blend_has_its_members_and_the_figures_of_its_labels(blends: Blends) -> None:
    folder = blends("stacked")
    card = read_card(folder)
    commands = report_commands(folder.name)
    html = report_bytes(EnsembleFacts.of(folder), commands, "html").decode()
    assert f"A blend of {len(card.folds)} ensembles and stackers" in html
    assert "By member and stacker, out of fold" in html
    assert f"{card.lwlrap:.3f}" in html
    assert all(f">{label}</th>" in html for label in card.labels)
    assert "| --- |" in report_bytes(EnsembleFacts.of(folder), commands, "md").decode()
