"""``audiotag explain`` writes sounds that add up, a map and the scores, and says what is wrong with its arguments."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.tagging.tagger import Tagger

from ..conftest import CommandResult

Run = Callable[..., CommandResult]


def test_files_and_scores_belong_together(run: Run, sounds: Path, tiny_ensemble: Path, tmp_path: Path) -> None:
    out = tmp_path / "why"
    result = run("explain", sounds / "b.WAV", "--ensemble", tiny_ensemble, "--label", "Bell", "--out", out, "--json")
    facts = json.loads(result.out)
    assert result.status == 0
    assert json.loads((out / "explanation.json").read_text()) == facts
    original, only, without = (soundfile.read(out / f"{name}.wav")[0] for name in ("original", "only", "without"))
    assert np.abs(only + without - original).max() < 3 / 32_768
    assert len(original) == round((facts["end_s"] - facts["start_s"]) * 44_100)
    tagger = Tagger(tiny_ensemble)
    column = tagger.card.labels.index("Bell")
    scores = [tagger.tag(out / f"{name}.wav").scores[column] for name in ("original", "only", "without")]
    wanted = [facts["score"], facts["score_with_only_the_part"], facts["score_without_the_part"]]
    assert scores == pytest.approx(wanted, abs=0.01)
    rows = list(csv.reader((out / "map.csv").read_text().splitlines()))
    assert len(rows) == 1 + tagger.card.spectrogram.n_mels
    assert float(rows[0][1]) == pytest.approx(facts["start_s"], abs=1e-3)
    assert all(len(row) == len(rows[0]) for row in rows)


def test_result_is_printed(run: Run, sounds: Path, tiny_ensemble: Path) -> None:
    result = run("explain", sounds / "a.wav", "--ensemble", tiny_ensemble, "--share", "0.1")
    assert "0.00 to 0.50 s of a.wav: score 0." in result.out
    assert "with only 10% of time and frequency: 0." in result.out
    assert "without that part: 0." in result.out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--label", "Meow"), "label must be a label of the ensemble, got 'Meow'; Bark is one"),
        (("--at", "7"), "the time to explain must be in the sound, which has 0.50 s, got 7 s"),
        (("--share", "20"), "share must be above 0, at most 1, got 20"),
    ],
)
def test_wrong_arguments_are_named(
    run: Run, sounds: Path, tiny_ensemble: Path, options: tuple[str, ...], problem: str
) -> None:
    result = run("explain", sounds / "a.wav", "--ensemble", tiny_ensemble, *options)
    assert result.status != 0
    assert problem in result.err


def test_the_sound_is_never_overwritten(run: Run, sounds: Path, tiny_ensemble: Path) -> None:
    source = (sounds / "a.wav").rename(sounds / "original.wav")
    before = source.read_bytes()
    result = run("explain", source, "--ensemble", tiny_ensemble, "--out", sounds)
    assert "would overwrite original.wav; choose another folder" in result.err
    assert source.read_bytes() == before


def test_files_of_others_are_not_overwritten_and_its_own_are(
    run: Run, sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "take"
    out.mkdir()
    (out / "map.csv").write_text("my map")
    arguments = ("explain", sounds / "a.wav", "--ensemble", tiny_ensemble, "--share", "0.1", "--out", out)
    for foreign in (None, "[]", '{"label": "mine"}', "not JSON"):
        if foreign is not None:
            (out / "explanation.json").write_text(foreign)
        assert "map.csv" in (problem := run(*arguments).err)
        assert "which audiotag explain did not write; choose another folder" in problem
        assert (out / "map.csv").read_text() == "my map"
        assert not (out / "original.wav").exists()
    for name in ("map.csv", "explanation.json"):
        (out / name).unlink()
    assert [run(*arguments).status for _ in range(2)] == [0, 0]


def test_a_file_name_that_is_not_text_is_written_as_it_is(
    run: Run, sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    source = (sounds / "a.wav").rename(sounds / os.fsdecode(b"b\xe9.wav"))
    result = run("explain", source, "--ensemble", tiny_ensemble, "--share", "0.1", "--out", tmp_path / "why")
    assert result.status == 0
    assert json.loads((tmp_path / "why/explanation.json").read_text())["sound"] == str(source)


def test_a_silent_sound_is_an_error_that_says_so(run: Run, tiny_ensemble: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(44_100), 44_100)
    result = run("explain", tmp_path / "silent.wav", "--ensemble", tiny_ensemble)
    assert result.status == 2
    assert "silent.wav is silent: no sample is above −90 dBFS. All labels score 0" in result.err
