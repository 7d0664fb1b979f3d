"""Many files: every good one is tagged as if it were alone, every bad one is named, in order, in bounded memory."""

import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio import opening, reading
from audiotag.errors import AudiotagError
from audiotag.tagging import bulk
from audiotag.tagging import tagger as tagger_module
from audiotag.tagging.bulk import SoundFile, sound_files, tag_files
from audiotag.tagging.export import problem_row, row_of
from audiotag.tagging.journal import Journal, write_problems, write_rows
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger

RATE = 44_100


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[SoundFile]:
    """Sounds of many lengths, among them silence, one with silence in it, and a bad one."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    for number, duration_s in enumerate((0.2, 7.3, 1.0, 3.01, 0.5, 12.0, 2.0, 0.7)):
        waveform = rng.normal(0, 0.1, round(duration_s * RATE)) * np.linspace(0, 1, round(duration_s * RATE))
        soundfile.write(folder / f"{number}.wav", waveform, RATE)
    soundfile.write(folder / "8.wav", np.zeros(2 * RATE), RATE)
    soundfile.write(folder / "9.wav", np.concatenate([np.zeros(6 * RATE), rng.normal(0, 0.1, 3 * RATE)]), RATE)
    (folder / "bad.wav").write_text("Dear sir")
    return list(sound_files([folder]))


@pytest.fixture(scope="module")
def tagger(tiny_ensemble: Path) -> Tagger:
    return Tagger(tiny_ensemble)


def found_in(*paths: Path) -> list[str]:
    return [found.clip for found in sound_files(paths)]


@pytest.mark.parametrize("tta", [False, True])
@pytest.mark.parametrize("whole_s", [300.0, 4.0], ids=["whole", "by blocks"])
def test_scores_are_those_of_each_clip_alone_whatever_order_and_batch(
    tiny_ensemble: Path, clips: list[SoundFile], monkeypatch: pytest.MonkeyPatch, tta: bool, whole_s: float
) -> None:
    monkeypatch.setattr(tagger_module, "MAX_WHOLE_CLIP_S", whole_s)
    tagger = Tagger(tiny_ensemble, TagSettings(tta=tta))
    alone = {found.clip: tagger.tag(found.path, found.clip) for found in clips if found.clip != "bad.wav"}
    orders = (clips, clips[::-1], [clips[place] for place in np.random.default_rng(1).permutation(len(clips))])
    for order, batch, workers in zip(orders, (32, 8, 56), (1, 2, 3), strict=True):
        monkeypatch.setattr(bulk, "WINDOWS_AT_ONCE", batch)
        outcomes = list(tag_files(tagger, order, workers))
        assert [outcome.found for outcome in outcomes] == order
        for outcome in outcomes:
            if outcome.tags is None:
                assert outcome.found.clip == "bad.wav"
                continue
            tags = alone[outcome.found.clip]
            np.testing.assert_allclose(outcome.tags.scores, tags.scores, atol=1e-6)
            np.testing.assert_allclose(outcome.tags.timeline, tags.timeline, atol=1e-6)
            np.testing.assert_array_equal(outcome.tags.starts_s, tags.starts_s)
            assert (outcome.tags.name, outcome.tags.duration_s) == (tags.name, tags.duration_s)
            assert outcome.tags.notes == tags.notes


def test_networks_get_full_batches_of_several_clips(
    tagger: Tagger, clips: list[SoundFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    engine = tagger.engine
    monkeypatch.setattr(tagger, "engine", lambda pictures: sizes.append(len(pictures)) or engine(pictures))
    windows = sum(len(o.tags.starts_s) for o in tag_files(tagger, clips) if o.tags and o.tags.scores.any())
    assert set(sizes[:-1]) == {bulk.WINDOWS_AT_ONCE}
    assert sum(sizes) == windows


def test_files_are_taken_only_some_ahead(tagger: Tagger, clips: list[SoundFile]) -> None:
    taken = itertools.count()
    endless = (clips[next(taken) % 3] for _ in itertools.count())
    outcomes = tag_files(tagger, endless)
    for _ in range(50):
        next(outcomes)
    outcomes.close()
    assert next(taken) <= 50 + bulk.CLIPS_AHEAD + bulk.WINDOWS_AT_ONCE + 1


def test_pictures_that_wait_are_bounded_in_bytes(
    tagger: Tagger, clips: list[SoundFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BYTES_AHEAD", 1)
    assert [outcome.found for outcome in tag_files(tagger, clips)] == clips


def test_a_good_clip_among_bad_ones_does_not_wait_for_a_full_batch(
    tagger: Tagger, clips: list[SoundFile], tmp_path: Path
) -> None:
    taken = itertools.count()
    bad = (SoundFile(tmp_path / "gone.wav", f"{next(taken)}.wav", "is gone") for _ in itertools.count())
    outcomes = tag_files(tagger, itertools.chain([clips[0]], bad))
    assert next(outcomes).tags is not None
    outcomes.close()
    assert next(taken) <= 2 * bulk.UNSCORED


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AudiotagError("0.wav is odd."), "0.wav is odd."),
        (PermissionError(13, "Permission denied"), "0.wav cannot be read: Permission denied."),
        (ZeroDivisionError("by zero"), "0.wav cannot be read: ZeroDivisionError: by zero; export it again"),
        (MemoryError(), "0.wav is too large for this machine's memory"),
        (RecursionError("too deep"), "0.wav cannot be read: RecursionError: too deep"),
    ],
)
def test_whatever_a_decoder_raises_is_a_reason_and_the_rest_goes_on(
    tagger: Tagger, clips: list[SoundFile], monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    pictures = tagger.pictures

    def failing(source: Path, name: str) -> Iterator[tagger_module.ClipInputs]:
        if name == "0.wav":
            raise error
        return pictures(source, name)

    monkeypatch.setattr(tagger, "pictures", failing)
    first, *others = tag_files(tagger, clips[:4])
    assert first.tags is None
    assert first.problem.startswith(reason)
    assert all(outcome.tags is not None for outcome in others)


def test_a_decoder_that_fails_in_the_middle_of_a_long_clip_is_a_reason(
    tagger: Tagger, tmp_path: Path, clips: list[SoundFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger_module, "MAX_WHOLE_CLIP_S", 4.0)
    samples = np.random.default_rng(0).normal(0, 0.1, 10 * RATE)
    samples[9 * RATE] = np.nan
    soundfile.write(tmp_path / "long.wav", samples, RATE, subtype="FLOAT")
    order = [clips[1], SoundFile(tmp_path / "long.wav", "long.wav"), clips[5]]
    first, bad, last = tag_files(tagger, order)
    assert first.tags is not None
    assert last.tags is not None
    assert bad.problem.startswith("long.wav holds 1 samples that are not numbers")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "secret.wav", np.zeros(10), RATE)
    (tmp_path / "secret.wav").chmod(0)
    with pytest.raises(AudiotagError, match=r"secret\.wav cannot be opened"):
        reading.read_sound(tmp_path / "secret.wav")


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "secret.wav", np.zeros(10), RATE)
    monkeypatch.setattr(opening.os, "access", lambda path, mode: False)
    with pytest.raises(AudiotagError, match=r"secret\.wav cannot be opened: its permissions forbid it"):
        reading.read_sound(tmp_path / "secret.wav")


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_folder_is_walked_in_the_order_of_its_paths_without_hidden_files(tmp_path: Path) -> None:
    names = ("b.wav", "a/z.FLAC", "a/b/c.mp3", "a.wav", "ab/c.ogg", "Z.m4a")
    touch(tmp_path, *names, ".hidden.wav", ".cache/a.wav", "a/._z.wav", "notes.txt", "tags.csv", "a/wav")
    assert found_in(tmp_path) == sorted(names, key=lambda name: Path(name).parts)
    assert found_in(tmp_path / "a" / ".." / "a") == ["b/c.mp3", "z.FLAC"]


def test_several_folders_and_files_are_called_by_their_common_folder(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.wav", "two/a.wav", "two/deep/a.wav")
    assert found_in(tmp_path / "one", tmp_path / "two") == ["one/a.wav", "two/a.wav", "two/deep/a.wav"]
    assert found_in(tmp_path / "one/a.wav", tmp_path / "two/a.wav") == ["one/a.wav", "two/a.wav"]
    assert found_in(tmp_path / "two/deep/a.wav") == ["a.wav"]


def test_loops_of_links_end_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.wav", "out/b.wav")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/other").symlink_to(tmp_path / "out")
    (tmp_path / "in/b.wav").symlink_to(tmp_path / "out/b.wav")
    assert found_in(tmp_path / "in") == ["a.wav", "b.wav"]
    assert found_in(tmp_path / "in/other") == ["b.wav"]  # but one that is named by hand is


def test_what_is_named_like_a_sound_and_is_none_is_named(tmp_path: Path, tagger: Tagger) -> None:
    touch(tmp_path, "folder.wav/notes.txt", "session.wav/a.wav")
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "self.wav").symlink_to(tmp_path / "self.wav")
    (tmp_path / "to-folder.wav").symlink_to(tmp_path / "session.wav")
    reasons = {outcome.found.clip: outcome.problem for outcome in tag_files(tagger, sound_files([tmp_path]))}
    assert reasons.pop("folder.wav") == "folder.wav is a folder without sounds, named like a sound; remove it."
    assert reasons.pop("session.wav/a.wav") == "session.wav/a.wav is empty (0 bytes); copy or record it again."
    assert set(reasons) == {"gone.wav", "self.wav", "to-folder.wav"}
    assert all(reason.startswith(f"{clip} is not there") for clip, reason in reasons.items())


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a/a.wav", "b/b.wav", "c/c.wav")
    scandir = os.scandir

    def guarded(folder: Path) -> object:
        if Path(folder).name == "b":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(bulk.os, "scandir", guarded)
    found = {each.clip: each.problem for each in sound_files([tmp_path])}
    assert found == {"a/a.wav": "", "b": "b: the folder cannot be read: Permission denied.", "c/c.wav": ""}


class Work:
    """A journal at work, without a network: the row of a clip says which run made it."""

    def __init__(self, out: Path, files: list[SoundFile], **fingerprint: object) -> None:
        self.out, self.files, self.fingerprint = out, files, fingerprint
        self.said: list[str] = []

    def run(self, name: str, stop_after: int | None = None, bad: tuple[str, ...] = ()) -> tuple[list[str], int]:
        """Who made the rows of the file, and how many were kept; nothing where it was stopped."""
        with Journal(self.out, self.fingerprint, self.said.append) as journal:
            for done, found in enumerate(journal.todo(self.files)):
                if done == stop_after:
                    return [], journal.kept
                if found.clip in bad:
                    journal.add(problem_row(found.clip, str(found.path), "is bad"))
                else:
                    journal.add({"clip": found.clip, "by": name})
            rows = [row.get("by", row.get("problem")) for row in journal.rows()]
            assert [row["clip"] for row in journal.rows()] == [found.clip for found in self.files]
            journal.remove()
        return rows, journal.kept


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., Work]:
    folder = touch(tmp_path / "in", *(f"{number}.wav" for number in range(6)))

    def make(**fingerprint: object) -> Work:
        return Work(tmp_path / "tags.csv", list(sound_files([folder])), **fingerprint)

    return make


def journal_of(work: Work) -> Path:
    return work.out.with_name(".tags.csv.partial.jsonl")


def test_a_stopped_run_goes_on_and_only_what_is_not_done_is_done(work: Callable[..., Work]) -> None:
    job = work(ensemble=[1, 2])
    job.run("first", stop_after=2)
    job.run("second", stop_after=1)
    assert job.run("third") == (["first"] * 2 + ["second"] + ["third"] * 3, 3)
    assert job.said == [
        "Going on with an unfinished run for tags.csv: 2 clips are done.",
        "Going on with an unfinished run for tags.csv: 3 clips are done.",
    ]
    assert list(job.out.parent.glob(".*")) == []
    assert job.run("fourth") == (["fourth"] * 6, 0)


def test_bad_clips_are_tried_again_and_stand_in_their_place(work: Callable[..., Work]) -> None:
    job = work()
    job.run("first", stop_after=4, bad=("1.wav", "2.wav"))
    rows, kept = job.run("second", bad=("2.wav",))
    assert rows == ["first", "second", "is bad", "first", "second", "second"]
    assert kept == 2


def test_a_clip_that_has_changed_is_done_again_and_one_that_is_gone_is_not_written(work: Callable[..., Work]) -> None:
    job = work()
    job.run("first", stop_after=4)
    (job.out.parent / "in/0.wav").write_bytes(b"longer")
    os.utime(job.out.parent / "in/1.wav", (1, 1))
    job.files = [job.files[place] for place in (0, 1, 3, 5)]
    assert job.run("second") == (["second", "second", "first", "second"], 1)


def test_another_order_and_a_file_named_twice_are_followed(work: Callable[..., Work]) -> None:
    job = work()
    job.run("first", stop_after=3)
    job.files = [*job.files[::-1], job.files[0]]
    assert job.run("second") == (["second"] * 3 + ["first"] * 4, 4)


def test_work_for_another_ensemble_starts_anew_and_says_so(work: Callable[..., Work]) -> None:
    work(ensemble=[1], thresholds=(0.5,)).run("first", stop_after=4)
    job = work(ensemble=[1], thresholds=(0.4,))
    assert job.run("second") == (["second"] * 6, 0)
    assert job.said == ["An unfinished run for tags.csv had another thresholds; starting anew."]


@pytest.mark.parametrize("torn", [1, 10, 1000])
def test_a_torn_last_line_is_dropped(work: Callable[..., Work], torn: int) -> None:
    job = work()
    job.run("first", stop_after=3)
    path = journal_of(job)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][: -min(torn, len(lines[-1]) - 1)])
    assert job.run("second") == (["first"] * 2 + ["second"] * 4, 2)


def test_lines_that_a_crash_of_the_disk_has_spoilt_are_passed_over(work: Callable[..., Work]) -> None:
    job = work()
    job.run("first", stop_after=4)
    path = journal_of(job)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = bytes(len(lines[2]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    assert job.run("second") == (["first", "second", "first", "first", "second", "second"], 3)


@pytest.mark.parametrize("content", [b"", b"{", b"[]\n", b"\0\0\n", b'"text"\n'])
def test_a_journal_without_a_first_line_counts_nothing(work: Callable[..., Work], content: bytes) -> None:
    job = work(ensemble=[1])
    journal_of(job).write_bytes(content)
    assert job.run("second") == (["second"] * 6, 0)


def test_a_file_that_another_writes_is_refused(work: Callable[..., Work]) -> None:
    job = work()
    with (
        Journal(job.out, {}, job.said.append),
        pytest.raises(AudiotagError, match=r"another audiotag is writing tags\.csv"),
    ):
        job.run("second")
    assert job.run("third") == (["third"] * 6, 0)


def test_names_that_are_no_utf_8_are_kept_too(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/in/caf\xe9.wav"))
    try:
        touch(path.parent, path.name)
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    job = Work(tmp_path / "tags.csv", [*sound_files([path.parent]), SoundFile(tmp_path / "gone.wav", "gone.wav")])
    job.run("first", stop_after=1)
    assert job.run("second") == (["first", "second"], 1)


LABELS = ("Bark", "Bell", "Hiss")


def rows_of(tagger: Tagger, clips: list[SoundFile], timeline: bool) -> list[dict]:
    from audiotag.tagging.export import timeline_of

    rows = []
    for outcome in tag_files(tagger, clips):
        if outcome.tags is None:
            rows.append(problem_row(outcome.found.clip, str(outcome.found.path), outcome.problem))
            continue
        row = row_of(outcome.tags, outcome.found.clip, str(outcome.found.path))
        rows.append(row | {"timeline": timeline_of(outcome.tags, LABELS)} if timeline else row)
    return rows


@pytest.mark.parametrize("timeline", [False, True])
def test_every_form_of_file_holds_the_same(
    tagger: Tagger, clips: list[SoundFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeline: bool
) -> None:
    import csv

    import pyarrow.parquet

    monkeypatch.setattr("audiotag.tagging.journal.ROW_GROUP", 4)
    rows = rows_of(tagger, clips, timeline)
    for suffix in ("csv", "json", "parquet"):
        write_rows(tmp_path / f"tags.{suffix}", iter(rows), LABELS, timeline)
    assert json.loads((tmp_path / "tags.json").read_text()) == rows
    with (tmp_path / "tags.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    stored = pyarrow.parquet.ParquetFile(tmp_path / "tags.parquet")
    assert stored.num_row_groups == -(-len(table) // 4)
    assert [{name: str(value) for name, value in row.items()} for row in stored.read().to_pylist()] == table
    columns = ["fname", "start_s", "end_s", *LABELS] if timeline else ["fname", *LABELS, "tags"]
    assert list(table[0]) == columns
    windows = sum(len(row.get("timeline", [])) for row in rows)
    assert len(table) == (windows if timeline else len(clips) - 1)
    assert windows > 50 or not timeline


def test_an_empty_result_is_a_table_without_rows(tmp_path: Path) -> None:
    import pyarrow.parquet

    for suffix in ("csv", "json", "parquet"):
        write_rows(tmp_path / f"tags.{suffix}", [], LABELS)
    assert (tmp_path / "tags.csv").read_text().split() == ["fname,Bark,Bell,Hiss,tags"]
    assert json.loads((tmp_path / "tags.json").read_text()) == []
    assert pyarrow.parquet.read_table(tmp_path / "tags.parquet").column_names == ["fname", *LABELS, "tags"]


def test_an_error_on_the_way_leaves_the_file_of_before(tmp_path: Path) -> None:
    out = tmp_path / "tags.csv"
    out.write_text("before")

    def failing() -> Iterator[dict]:
        yield {"clip": "a.wav", "scores": dict.fromkeys(LABELS, 0.5), "tags": []}
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_rows(out, failing(), LABELS)
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


def test_problems_are_a_table_of_their_own(tmp_path: Path) -> None:
    rows = [{"clip": "a.wav", "scores": {}, "tags": []}, problem_row("b.wav", "/in/b.wav", 'b.wav is "odd", or so')]
    write_problems(tmp_path / "p.csv", rows)
    assert (tmp_path / "p.csv").read_text().splitlines() == [
        "fname,path,problem",
        'b.wav,/in/b.wav,"b.wav is ""odd"", or so"',
    ]
