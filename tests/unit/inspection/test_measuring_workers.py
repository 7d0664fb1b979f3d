"""A clip whose worker dies, hangs or eats memory is one row with a sentence; all other clips are measured as ever."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType

import numpy as np
import psutil
import pytest

from audiotag.errors import AudiotagError
from audiotag.inspection import measuring_workers
from audiotag.inspection.measuring_workers import Clip, measure_row, measured_rows

GOOD = [f"{number:02}.wav" for number in range(10)]
BAD = "deep/bad.wav"
SENTENCES = {  # of the decoder's own process, in which a clip is measured the second time
    "abort": f"{BAD} cannot be read: its decoder crashed on it; ",
    "kill": f"{BAD} cannot be read: its decoder was killed twice, ",
    "allocate": f"{BAD} cannot be read: its decoder needs more than 512 MB of memory; ",
}


@pytest.fixture
def clips(tmp_path: Path, tone: Callable, write_wav: Callable, monkeypatch: pytest.MonkeyPatch) -> list[Clip]:
    """Ten good clips, and one among them that a test makes deadly."""
    monkeypatch.setattr(measuring_workers, "MAX_BYTES", 512 << 20)
    for number, name in enumerate([*GOOD, BAD]):
        write_wav(tmp_path / name, tone(200 + 100 * number, 0.1))
    return [Clip(name, tmp_path / name) for name in (*GOOD[:3], BAD, *GOOD[3:])]


def rows_of(clips: list[Clip], workers: int) -> dict[str, tuple]:
    """The row of each clip; every clip has one."""
    rows = [(clips[position].name, row) for position, row in measured_rows(clips, workers)]
    assert sorted(name for name, _ in rows) == sorted(clip.name for clip in clips)
    return dict(rows)


@pytest.mark.parametrize("way", SENTENCES)
def test_clip_that_ends_its_worker_is_named_and_the_others_are_measured(
    clips: list[Clip], fake_libsndfile: ModuleType, way: str
) -> None:
    fake_libsndfile.deadly(clips[3].path, way)
    rows = rows_of(clips, workers=2)
    *nothing, sentence, is_passing = rows.pop(BAD)
    assert set(nothing) == {None}
    assert sentence.startswith(SENTENCES[way])
    assert is_passing == (way in ("kill", "hang"))
    for clip in clips:
        if clip.name != BAD:
            np.testing.assert_equal(rows[clip.name], measure_row(clip))


def test_clip_that_hangs_its_worker_is_named(
    clips: list[Clip], fake_libsndfile: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOTAG_DECODER_TIMEOUT_S", "0.5")
    fake_libsndfile.deadly(clips[3].path, "hang")
    clips = [*clips[:2], clips[3]]
    rows = {}
    for position, row in measured_rows(clips, 1):
        rows[position] = row
        if len(rows) == 2:  # no patience is needed any more with good clips, which a busy machine may slow down
            monkeypatch.setattr(measuring_workers, "HANG_S", 0.1)
    assert rows[2][-2].startswith(f"{BAD} cannot be read: its decoder gave no sample for 0.5 s; ")
    for position in (0, 1):
        np.testing.assert_equal(rows[position], measure_row(clips[position]))


@pytest.mark.parametrize("way", ["abort", "hang", "allocate"])
def test_decoder_of_a_film_that_dies_costs_its_clip_alone(
    clips: list[Clip], fake_decoder: ModuleType, m4a: Callable, tone: Callable, tmp_path: Path, way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if way == "hang":
        monkeypatch.setenv("AUDIOTAG_DECODER_TIMEOUT_S", "0.5")
    film = Clip("deep/film.m4a", tmp_path / "deep/film.m4a")
    film.path.write_bytes(fake_decoder.deadly(m4a(tone()), way))
    rows = rows_of([film, *clips[:2]], workers=1)
    assert rows["deep/film.m4a"][-2].startswith("deep/film.m4a cannot be read: its decoder ")
    assert [rows[clip.name][-2] for clip in clips[:2]] == [None, None]


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (
            {"HANG_S": 0.1, "LONGEST_S": 0.2},
            f"{BAD} gave no result for 0.2 s; export it again from its source.",
        ),
        ({"MAX_BYTES": 1}, f"{BAD} takes more than 0 MB of memory to measure; cut it into parts."),
    ],
)
def test_clip_that_is_too_much_for_its_second_worker_is_named(
    clips: list[Clip], fake_libsndfile: ModuleType, monkeypatch: pytest.MonkeyPatch, limits: dict, sentence: str
) -> None:
    for limit, value in limits.items():
        monkeypatch.setattr(measuring_workers, limit, value)
    fake_libsndfile.deadly(clips[3].path, "hang")
    assert rows_of(clips[3:4], workers=1)[BAD][-2:] == (sentence, True)


def test_clip_whose_worker_was_killed_from_outside_is_measured(clips: list[Clip], fake_libsndfile: ModuleType) -> None:
    fake_libsndfile.deadly(clips[3].path, "kill once")
    rows = rows_of(clips, workers=1)
    assert Path(f"{clips[3].path}.killed").exists()
    for clip in clips:
        np.testing.assert_equal(rows[clip.name], measure_row(clip))


def test_workers_end_with_the_generator(clips: list[Clip], fake_libsndfile: ModuleType) -> None:
    fake_libsndfile.deadly(clips[3].path, "hang")
    before = set(psutil.Process().children())
    with closing(measured_rows(clips, 2)) as rows:
        next(rows)
        workers = [child for child in set(psutil.Process().children()) - before if "spawn_main" in str(child.cmdline())]
        assert len(workers) == 2
    assert not any(worker.is_running() for worker in workers)


def test_stop_is_heard_while_a_clip_hangs(clips: list[Clip], fake_libsndfile: ModuleType) -> None:
    fake_libsndfile.deadly(clips[3].path, "hang")
    rows = []
    asked = iter(range(1000))
    for row in measured_rows(clips, 1, lambda: len(rows) == 3 and next(asked) > 0):
        rows.append(row)
    assert [position for position, _ in rows] == [0, 1, 2]


def test_processes_that_cannot_start_are_an_error(
    clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/psutil.py").write_text("raise SystemExit(1)\n")
    monkeypatch.syspath_prepend(tmp_path / "broken")
    with pytest.raises(AudiotagError, match="no process that measures can be started"):
        rows_of(clips, workers=2)


def test_unexpected_exception_is_the_problem_of_its_clip(clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> None:
        raise IndexError("index 3 is out of bounds")

    monkeypatch.setattr(measuring_workers, "measure", fails)
    *nothing, sentence, is_passing = measure_row(clips[3])
    assert not is_passing
    assert set(nothing) == {None}
    assert sentence.startswith(f"{BAD} cannot be used")
