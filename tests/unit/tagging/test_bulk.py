"""Many files: each is tagged as if it were alone or is named with its problem, in order, in bounded memory."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio import opening, reading
from audiotag.errors import AudiotagError
from audiotag.tagging import bulk, clip_inputs, fold_networks
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.sound_files import SoundFile, sound_files
from audiotag.tagging.tagger import Tagger

from .conftest import RATE


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[SoundFile]:
    """Sounds of many lengths, silence, a sound with silence in it, and a file that is not a sound."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    for number, duration_s in enumerate((0.2, 2.3, 1.0, 1.51, 0.5, 3.6, 0.7)):
        waveform = rng.normal(0, 0.1, round(duration_s * RATE)) * np.linspace(0, 1, round(duration_s * RATE))
        soundfile.write(folder / f"{number}.wav", waveform, RATE)
    soundfile.write(folder / "8.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "9.wav", np.concatenate([np.zeros(2 * RATE), rng.normal(0, 0.1, RATE)]), RATE)
    (folder / "bad.wav").write_text("Dear sir")
    return list(sound_files([folder]))


@pytest.mark.parametrize("tta", [False, True])
@pytest.mark.parametrize("max_whole_s", [300.0, 1.2], ids=["whole", "by blocks"])
def test_scores_do_not_depend_on_the_other_clips_their_order_or_the_batch(
    tiny_ensemble: Path, clips: list[SoundFile], monkeypatch: pytest.MonkeyPatch, tta: bool, max_whole_s: float
) -> None:
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", max_whole_s)
    tagger = Tagger(tiny_ensemble, TagSettings(tta=tta))
    alone = {file.clip: tagger.tag(file.path, file.clip) for file in clips if file.clip != "bad.wav"}
    orders = (clips, clips[::-1], [clips[place] for place in np.random.default_rng(1).permutation(len(clips))])
    for order, batch, workers in zip(orders, (32, 4, 14), (1, 2, 3), strict=True):
        monkeypatch.setattr(bulk, "WINDOWS_AT_ONCE", batch)
        results = list(tag_files(tagger, order, workers))
        assert [result.file for result in results] == order
        for result in results:
            if result.tags is None:
                assert result.file.clip == "bad.wav"
                continue
            tags = alone[result.file.clip]
            np.testing.assert_allclose(result.tags.scores, tags.scores, atol=1e-6)
            np.testing.assert_allclose(result.tags.timeline, tags.timeline, atol=1e-6)
            np.testing.assert_array_equal(result.tags.starts_s, tags.starts_s)
            assert (result.tags.name, result.tags.duration_s) == (tags.name, tags.duration_s)
            assert result.tags.notes == tags.notes


def test_networks_get_full_batches_from_several_clips(
    tagger: Tagger, clips: list[SoundFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "WINDOWS_AT_ONCE", 8)
    monkeypatch.setattr(fold_networks, "WINDOWS_AT_ONCE", 8)
    sizes = []
    run = tagger.networks.run
    monkeypatch.setattr(tagger.networks, "run", lambda inputs: sizes.append(len(inputs)) or run(inputs))
    windows = sum(len(o.tags.starts_s) for o in tag_files(tagger, clips) if o.tags and o.tags.scores.any())
    assert set(sizes[:-1]) == {8}
    assert sum(sizes) == windows


def test_only_a_limited_number_of_files_is_taken_in_advance(tagger: Tagger, clips: list[SoundFile]) -> None:
    taken = itertools.count()
    endless = (clips[next(taken) % 3] for _ in itertools.count())
    results = tag_files(tagger, endless)
    for _ in range(50):
        next(results)
    results.close()
    assert next(taken) <= 50 + bulk.MAX_CLIPS_AHEAD + bulk.WINDOWS_AT_ONCE + 1


def test_a_tight_bound_on_waiting_bytes_changes_no_result(
    tagger: Tagger, clips: list[SoundFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_BYTES_AHEAD", 1)
    assert [result.file for result in tag_files(tagger, clips)] == clips


def test_good_clip_among_bad_ones_does_not_wait_for_a_full_batch(
    tagger: Tagger, clips: list[SoundFile], tmp_path: Path
) -> None:
    taken = itertools.count()
    bad = (SoundFile(tmp_path / "gone.wav", f"{next(taken)}.wav", "is gone") for _ in itertools.count())
    results = tag_files(tagger, itertools.chain([clips[0]], bad))
    assert next(results).tags is not None
    results.close()
    assert next(taken) <= 2 * bulk.MAX_UNSCORED_ITEMS


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AudiotagError("0.wav is odd."), "0.wav is odd."),
        (PermissionError(13, "Permission denied"), "0.wav cannot be read: Permission denied; check"),
        (ZeroDivisionError("by zero"), "0.wav cannot be used: it is damaged in a way that was not expected; export"),
        (MemoryError(), "0.wav is too large for this machine's memory"),
        (RecursionError("too deep"), "0.wav cannot be used: it is damaged"),
    ],
)
def test_whatever_a_decoder_raises_becomes_a_sentence_and_the_rest_goes_on(
    tagger: Tagger, clips: list[SoundFile], monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    inputs = tagger.inputs

    def failing(source: Path, name: str) -> Iterator[clip_inputs.ClipInputs]:
        if name == "0.wav":
            raise error
        return inputs(source, name)

    monkeypatch.setattr(tagger, "inputs", failing)
    first, *others = tag_files(tagger, clips[:4])
    assert first.tags is None
    assert first.problem.startswith(reason)
    assert all(result.tags is not None for result in others)


def test_decoder_that_fails_in_the_middle_of_a_long_clip_becomes_a_sentence(
    tagger: Tagger, tmp_path: Path, clips: list[SoundFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 1.2)
    samples = np.random.default_rng(0).normal(0, 0.1, 4 * RATE)
    samples[3 * RATE] = np.nan
    soundfile.write(tmp_path / "long.wav", samples, RATE, subtype="FLOAT")
    order = [clips[1], SoundFile(tmp_path / "long.wav", "long.wav"), clips[5]]
    first, bad, last = tag_files(tagger, order)
    assert first.tags is not None
    assert last.tags is not None
    assert bad.problem.startswith("long.wav holds 1 samples that are not numbers")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "secret.wav", np.zeros(10), RATE)
    (tmp_path / "secret.wav").chmod(0)
    with pytest.raises(AudiotagError, match=r"secret\.wav cannot be opened"):
        reading.read_sound(tmp_path / "secret.wav")


def test_file_that_may_not_be_read_is_named_with_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "secret.wav", np.zeros(10), RATE)
    monkeypatch.setattr(opening.os, "access", lambda path, mode: False)
    with pytest.raises(AudiotagError, match=r"secret\.wav cannot be opened: its permissions forbid it"):
        reading.read_sound(tmp_path / "secret.wav")
