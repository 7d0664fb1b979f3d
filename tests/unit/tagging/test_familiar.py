"""An ensemble that knows its training sounds says which clips are unlike them, and can hold back their tags."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.tagging import familiar, known_clips
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.familiar import Familiar, read_familiar
from audiotag.tagging.familiar_tags import with_familiarity
from audiotag.tagging.familiarity_measurement import (
    familiarity_tagger,
    measure_and_save,
    measure_familiarity,
    training_clips,
)
from audiotag.tagging.known_clips import KnownClips
from audiotag.tagging.noise_gate_job import NoiseGateJob, measure
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.sound_files import sound_files
from audiotag.tagging.tagger import Tagger
from audiotag.trust.familiarity import fit_sounds
from audiotag.workspace import Workspace

from .conftest import RATE, noise, sound
from .test_known_clips import content_of

SHIPPED = Path(__file__).parents[3] / "models" / "starter"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Twelve clips of noise, half of them Bark and half Bell."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    rows = []
    for number in range(12):
        soundfile.write(folder / f"{number}.wav", noise(1.0, number) * (0.2 + 0.1 * (number % 3)), RATE)
        rows.append({"fname": f"{number}.wav", "label": ("Bark", "Bell")[number % 2]})
    pd.DataFrame(rows).to_csv(folder / "clips.csv", index=False)
    return folder


@pytest.fixture
def trained(tiny_ensemble: Path, dataset: Path, tmp_path: Path) -> Path:
    """The tiny ensemble, as if each of its two folds had been trained on every second pair of clips."""
    import hashlib

    folder = shutil.copytree(tiny_ensemble, tmp_path / "trained")
    contents = [(content_of(dataset / f"{n}.wav"), (n // 2 % 2 == 0, n // 2 % 2 == 1)) for n in range(12)]
    known = KnownClips.of(contents, 2).to_bytes()
    (folder / known_clips.FILE).write_bytes(known)
    card = json.loads((folder / "card.json").read_text()) | {"known_clips": hashlib.sha256(known).hexdigest()}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def test_measured_on_the_training_clips_and_stored_with_the_card(trained: Path, dataset: Path) -> None:
    seen: list[tuple[int, int]] = []
    before = read_card(trained)
    measured = measure_and_save(trained, dataset, lambda *at: seen.append(at))
    assert seen == [(done, 12) for done in range(1, 13)]
    assert [len(fold.held_out) for fold in measured.folds] == [6, 6]
    card = read_card(trained)
    assert card.familiar
    assert card.scoring_fields() == before.scoring_fields()
    stored = read_familiar(trained, card)
    assert stored is not None
    assert stored.threshold == pytest.approx(measured.threshold)
    for fold, other in zip(stored.folds, measured.folds, strict=True):
        np.testing.assert_array_equal(fold.directions, other.directions)
        np.testing.assert_array_equal(fold.held_out, other.held_out)
    tags = Tagger(trained).tag(dataset / "0.wav")
    assert tags.voting_folds == (2,)  # the other fold was trained on it
    assert tags.familiarity in {share / 7 for share in range(1, 8)} or any(
        tags.familiarity == pytest.approx(share / 7) for share in range(1, 8)
    )


def test_scores_and_tags_stay_the_same_unless_they_are_held_back(
    trained: Path, tiny_ensemble: Path, make_strange: Callable[[Path, float], None]
) -> None:
    make_strange(trained, 0.05)
    plain, knowing = Tagger(tiny_ensemble).tag_sound(sound(noise(3.0))), Tagger(trained)
    tags = knowing.tag_sound(sound(noise(3.0)))
    np.testing.assert_array_equal(tags.scores, plain.scores)
    assert [tag.label for tag in tags.tags] == [tag.label for tag in plain.tags]
    assert tags.is_unlike
    assert tags.familiarity == pytest.approx(1 / 101)
    assert not tags.held_back
    assert tags.notes == tags.differences
    assert "made.wav is unlike the training sounds: its familiarity is 0.010" in tags.notes[0]
    held = knowing.tags_of(knowing.evidence_of(sound(noise(3.0))), TagSettings(hold_back=True))
    assert not held.tags
    assert [tag.label for tag in held.held_back] == [tag.label for tag in plain.tags]
    assert held.notes[-1].startswith("Held back, because unlike the training sounds: ")
    np.testing.assert_array_equal(held.scores, plain.scores)


def test_what_is_familiar_enough_keeps_its_tags(trained: Path, make_strange: Callable[[Path, float], None]) -> None:
    make_strange(trained, 0.005)
    tags = Tagger(trained, TagSettings(hold_back=True)).tag_sound(sound(noise(3.0)))
    assert tags.tags
    assert not tags.is_unlike
    assert not tags.held_back


def test_a_tag_is_as_familiar_as_the_window_in_which_it_scores_highest(tagger: Tagger) -> None:
    tags = tagger.tag_sound(sound(noise(4.0)))
    labels, windows = tagger.card.labels, len(tags.starts_s)
    familiarity = np.linspace(0.01, 1, windows)[None]
    found = with_familiarity(tags, labels, familiarity, 0.3, hold_back=True)
    for tag in found.ranking:
        own = familiarity[0, tags.timeline[:, labels.index(tag.label)].argmax()]
        assert tag.familiarity == pytest.approx(own)
        assert tag.is_held_back == (own < 0.3)
    reaching = [tag.familiarity for tag in found.ranking if tag.reaches and tag.familiarity is not None]
    assert found.familiarity == max(reaching)
    none = replace(found, ranking=tuple(tag._replace(threshold=1.0) for tag in found.ranking))
    assert none.familiarity == none.ranking[0].familiarity


def test_silence_is_neither_familiar_nor_unlike(trained: Path, make_strange: Callable[[Path, float], None]) -> None:
    make_strange(trained, 0.05)
    tags = Tagger(trained, TagSettings(hold_back=True)).tag_sound(sound(np.zeros(2 * RATE, np.float32)))
    assert (tags.familiarity, tags.is_unlike, tags.tags, tags.held_back) == (None, False, (), ())
    assert tags.window_familiarity is not None
    assert np.isnan(tags.window_familiarity).all()


def test_bulk_and_blocks_of_a_long_clip_find_the_same(
    trained: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_and_save(trained, dataset)
    soundfile.write(dataset / "long.wav", noise(9.0), RATE, subtype="FLOAT")
    tagger = Tagger(trained)
    one_by_one = {path.name: tagger.tag(path) for path in dataset.glob("*.wav")}
    for result in tag_files(tagger, sound_files([dataset])):
        assert result.tags is not None
        own = one_by_one[result.file.clip].window_familiarity
        # A clip that was held out lies exactly on a step, of 1/7 here, and batches differ in the last bits.
        np.testing.assert_allclose(result.tags.window_familiarity, own, atol=0.15)
        assert result.tags.embeddings is None  # they were used, and not kept
    monkeypatch.setattr("audiotag.tagging.clip_inputs.MAX_WHOLE_CLIP_S", 3.0)
    blocks = tagger.tag(dataset / "long.wav")
    np.testing.assert_allclose(blocks.window_familiarity, one_by_one["long.wav"].window_familiarity, atol=0.15)


def test_folds_may_be_chosen(trained: Path, dataset: Path) -> None:
    measure_and_save(trained, dataset)
    all_folds = Tagger(trained).evidence_of(sound(noise(2.0))).familiarity
    second = Tagger(trained, TagSettings(folds=(2,))).evidence_of(sound(noise(2.0))).familiarity
    assert all_folds is not None
    np.testing.assert_array_equal(second, all_folds[1:])


def test_ensemble_without_the_file_says_what_to_do(tiny_ensemble: Path, tagger: Tagger, dataset: Path) -> None:
    assert tagger.tag_sound(sound(noise(2.0))).familiarity is None
    with pytest.raises(AudiotagError, match=r"run audiotag familiarity .* DATASET"):
        Tagger(tiny_ensemble, TagSettings(hold_back=True))
    with pytest.raises(AudiotagError, match="publish its run again"):
        measure_and_save(tiny_ensemble, dataset)


def test_other_clips_than_the_training_clips_are_refused(trained: Path, dataset: Path) -> None:
    for number in range(12):
        soundfile.write(dataset / f"{number}.wav", noise(1.0, 100 + number), RATE)
    tagger = familiarity_tagger(trained)
    clips = training_clips(open_dataset(dataset), tagger.card.labels)
    with pytest.raises(AudiotagError, match="trained on none of these 12 clips"):
        measure_familiarity(tagger, clips)


@pytest.mark.parametrize("damage", ["lost", "changed", "other labels"])
def test_damaged_file_is_named(trained: Path, dataset: Path, damage: str) -> None:
    import hashlib

    measured = measure_and_save(trained, dataset)
    path = trained / familiar.FILE
    if damage == "lost":
        path.unlink()
    elif damage == "changed":
        path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    else:
        folds = tuple(fit_sounds(np.eye(4, 8), np.eye(4, dtype=bool), np.eye(2, 8)) for _ in measured.folds)
        content = Familiar(folds, 0.1).to_bytes()
        path.write_bytes(content)
        card = json.loads((trained / "card.json").read_text()) | {"familiar": hashlib.sha256(content).hexdigest()}
        (trained / "card.json").write_text(json.dumps(card))
    with pytest.raises(AudiotagError, match=rf"trained.* {familiar.FILE}|trained/{familiar.FILE}"):
        Tagger(trained)


def test_job_after_publishing_measures_it_before_the_noise_gate(
    trained: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = NoiseGateJob.of(trained, read_card(trained), Workspace(tmp_path / "home"), dataset)
    assert job.arguments() == [str(job.folder), str(trained), str(dataset)]
    gates: list[str] = []
    monkeypatch.setattr("audiotag.tagging.noise_gate_job.measure_noise_gate", lambda tagger, progress: gates.append(""))
    monkeypatch.setattr(
        "audiotag.tagging.noise_gate_job.save_noise_gate", lambda folder, gate: gates.append(folder.name)
    )
    job.folder.mkdir(parents=True)
    measure(job)
    assert read_card(trained).familiar
    assert gates == ["", "trained"]
    assert job.progress()["total"] == 12  # of its clips; the noise gate is not played here
    assert not job.first_stage.exists()


def test_shipped_ensemble_knows_its_sounds_in_a_few_hundred_kilobytes() -> None:
    card = read_card(SHIPPED)
    stored = read_familiar(SHIPPED, card)
    assert stored is not None
    assert (SHIPPED / familiar.FILE).stat().st_size < 300_000
    assert 0.02 < stored.threshold < 0.15
    assert sum(len(fold.held_out) for fold in stored.folds) > 600
