"""For a clip that some folds were trained on only the others vote, and the result says so."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio.reading import wav_bytes
from audiotag.audio.streaming import LongSound
from audiotag.errors import AudiotagError
from audiotag.features.measures import measure
from audiotag.tagging import clip_inputs, known_clips
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.known_clips import KnownClips, voting_note
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.sound_files import sound_files
from audiotag.tagging.tagger import Tagger

from ..conftest import CommandResult
from .conftest import RATE, noise

A, B, C, D = ("%032x" % (number << 64) for number in (1, 2, 3, 4))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 1.5 s at another rate than the ensemble's."""
    path = tmp_path_factory.mktemp("known") / "clip.wav"
    soundfile.write(path, 0.3 * np.random.default_rng(5).normal(size=33_075), 22_050)
    return path


@pytest.fixture
def knowing(tiny_ensemble: Path, tmp_path: Path) -> Callable[..., Path]:
    """``knowing(content, trained)``: the tiny ensemble, of whose two folds ``trained`` were trained on a content."""

    def make(content: str, trained: tuple[bool, bool]) -> Path:
        folder = tmp_path / "knowing"
        if not folder.exists():
            shutil.copytree(tiny_ensemble, folder)
        known = KnownClips.of([(content, trained), (B, (True, True))], 2).to_bytes()
        (folder / known_clips.FILE).write_bytes(known)
        card = json.loads((folder / "card.json").read_text())
        card |= {"known_clips": hashlib.sha256(known).hexdigest()}
        (folder / "card.json").write_text(json.dumps(card))
        return folder

    return make


def content_of(path: Path) -> str:
    sound = LongSound(path, hashed=True)
    assert all(len(block) for block in sound.blocks())
    return sound.content


def test_the_content_at_tagging_is_that_of_the_measures(clip: Path, tiny_ensemble: Path) -> None:
    assert content_of(clip) == measure(clip).content
    assert Tagger(tiny_ensemble).evidence(clip).content == measure(clip).content


@pytest.mark.parametrize("fold", [1, 2])
def test_only_the_fold_that_held_the_clip_out_votes(
    clip: Path, knowing: Callable, tiny_ensemble: Path, fold: int
) -> None:
    tagger = Tagger(knowing(content_of(clip), (fold != 1, fold != 2)))
    tags = tagger.tag(clip)
    alone = Tagger(tiny_ensemble, TagSettings(folds=(fold,))).tag(clip)
    np.testing.assert_array_equal(tags.scores, alone.scores)
    np.testing.assert_array_equal(tags.timeline, alone.timeline)
    assert (tags.folds, tags.trained_folds) == (1, 1)
    assert tags.notes == (f"Fold {fold} alone votes: the other fold was trained on this clip.",)
    as_bytes = tagger.tag(clip.read_bytes(), "another name.wav")
    np.testing.assert_array_equal(as_bytes.scores, alone.scores)


def test_a_clip_that_is_new_has_the_votes_of_all(clip: Path, knowing: Callable, tiny_ensemble: Path) -> None:
    tags = Tagger(knowing(A, (True, False))).tag(clip)
    np.testing.assert_array_equal(tags.scores, Tagger(tiny_ensemble).tag(clip).scores)
    assert (tags.folds, tags.trained_folds, tags.notes) == (2, 0, ())


def test_a_clip_that_all_folds_were_trained_on_has_all_votes_and_a_note(
    clip: Path, knowing: Callable, tiny_ensemble: Path
) -> None:
    tags = Tagger(knowing(content_of(clip), (True, True))).tag(clip)
    np.testing.assert_array_equal(tags.scores, Tagger(tiny_ensemble).tag(clip).scores)
    assert (tags.folds, tags.trained_folds) == (2, 2)
    assert tags.notes[0].startswith("Both folds were trained on this clip: its scores are higher")


def test_chosen_folds_and_augmentation_vote_alike(clip: Path, knowing: Callable, tiny_ensemble: Path) -> None:
    folder = knowing(content_of(clip), (True, False))
    only_trained = Tagger(folder, TagSettings(folds=(1,))).tag(clip)
    assert only_trained.notes[0].startswith("The fold was trained on this clip")
    tta = TagSettings(tta=True, folds=())
    alone = Tagger(tiny_ensemble, TagSettings(tta=True, folds=(2,))).tag(clip)
    np.testing.assert_allclose(Tagger(folder, tta).tag(clip).scores, alone.scores, atol=1e-6)


def test_a_long_sound_is_known_too_and_so_is_one_in_bulk(
    clip: Path, knowing: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = Tagger(knowing(content_of(clip), (True, False)))
    (result,) = tag_files(tagger, sound_files([clip]), workers=1)
    assert result.tags is not None
    assert result.tags.folds == 1
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 1.0)
    assert tagger.tag(clip).notes[-1].startswith("Fold 2 alone votes")


def test_the_command_says_which_folds_vote_and_for_how_many_clips(
    clip: Path, knowing: Callable, run: Callable[..., CommandResult]
) -> None:
    outcome = run("tag", clip, "--ensemble", knowing(content_of(clip), (True, False)))
    assert outcome.status == 0
    assert "(1 of 1 fold)" in outcome.out
    assert "Fold 2 alone votes: the other fold was trained on this clip." in outcome.out
    assert "was trained on 1 of these clips: there only the other folds vote" in outcome.err


def test_a_waveform_is_known_by_its_samples(knowing: Callable, tmp_path: Path) -> None:
    waveform = noise(1.0)
    (tmp_path / "a.wav").write_bytes(wav_bytes(waveform, RATE))
    decoded, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    tagger = Tagger(knowing(content_of(tmp_path / "a.wav"), (True, False)))
    assert tagger.tag(decoded, sample_rate=rate).folds == 1


def test_what_is_stored_is_read_back_sorted_and_copies_are_joined(knowing: Callable, tiny_ensemble: Path) -> None:
    known = KnownClips.of([(C, (True, False)), (A, (True, False)), (C, (False, True)), (D, (False, False))], 2)
    assert [known.trained_folds(content).tolist() for content in (A, B, C, D, "")] == [
        [True, False], [False, False], [True, True], [False, False], [False, False],
    ]  # fmt: skip
    assert len(known.keys) == 2
    assert Tagger(tiny_ensemble).known_clips is None  # of an earlier version
    read = Tagger(knowing(A, (True, False))).known_clips
    assert read is not None
    assert read.trained_folds(A).tolist() == [True, False]
    nothing = KnownClips.of([], 9)
    assert nothing.trained_folds(A).tolist() == [False] * 9
    assert len(KnownClips.of([(f"{number:032x}", [True] * 5) for number in range(1000)], 5).to_bytes()) < 10_000


@pytest.mark.parametrize("fault", ["missing", "changed", "other folds"])
def test_a_file_that_is_not_the_card_s_is_refused(knowing: Callable, fault: str) -> None:
    folder = knowing(A, (True, False))
    path = folder / known_clips.FILE
    if fault == "missing":
        path.unlink()
    elif fault == "changed":
        path.write_bytes(path.read_bytes()[:-1] + b"\1")
    else:
        content = KnownClips.of([(A, [True] * 9)], 9).to_bytes()
        path.write_bytes(content)
        card = json.loads((folder / "card.json").read_text()) | {"known_clips": hashlib.sha256(content).hexdigest()}
        (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(AudiotagError, match=known_clips.FILE):
        Tagger(folder)


@pytest.mark.parametrize(
    ("trained", "note"),
    [
        ((0, 0, 0), ""),
        ((1, 1, 0), "Fold 5 alone votes: the other 2 folds were trained on this clip."),
        ((0, 1, 0), "Folds 1 and 5 alone vote: the other fold was trained on this clip."),
    ],
)
def test_the_note_names_the_folds_that_vote(trained: tuple[int, ...], note: str) -> None:
    assert voting_note((1, 3, 5), np.array(trained, dtype=bool)) == note


def test_recordings_of_esc_10_are_tagged_by_the_fold_that_held_them_out(shared: Path) -> None:
    tags = Tagger("starter").tag(shared / "data/esc10/audio/1-100032-A.ogg")
    assert (tags.folds, tags.trained_folds) == (1, 4)
