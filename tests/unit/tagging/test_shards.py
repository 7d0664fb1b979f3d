"""Shards hold every file once, and nothing is lost or done twice wherever the work ends."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from audiotag.errors import AudiotagError
from audiotag.tagging import shards
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.bulk_job import tag_row
from audiotag.tagging.export.audacity import AudacityFormat
from audiotag.tagging.export.base import ExportOptions
from audiotag.tagging.export.rows import Row, problem_row
from audiotag.tagging.journal import Journal
from audiotag.tagging.parts import part_bytes
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.shards import ShardOptions, cut_shards, tag_shard
from audiotag.tagging.sound_files import SoundFile, sound_files
from audiotag.tagging.tagger import Tagger

from .conftest import noise, touch

CLIPS = 23


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[SoundFile]:
    monkeypatch.setattr(shards, "SHARD_CLIPS", 4)
    return list(sound_files([touch(tmp_path / "in", *(f"{number:02}.wav" for number in range(CLIPS)))]))


def test_shards_have_every_file_once_and_end_where_they_are_full(
    files: list[SoundFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 100)
    files[1].path.write_bytes(bytes(99))
    files[2].path.write_bytes(bytes(1))
    files.insert(9, SoundFile(tmp_path / "gone.wav", "gone.wav"))
    taken = iter(files)
    with Journal(tmp_path / "tags.csv", {}, print) as journal:
        cut = cut_shards(journal, taken)
        found = [next(cut)]
        assert next(taken) == files[3]  # no more were listed than the shard needed
        found += cut_shards(journal, [files[3], *taken])
    assert [len(shard.files) for shard in found] == [3, 4, 4, 4, 4, 4, 1]
    assert [file for shard in found for file in shard.files] == files
    assert [position for shard in found for position in shard.positions] == list(range(len(files)))
    keys = [key for shard in found for key in shard.keys]
    assert len(set(keys)) == len(files)
    assert keys[9] == 0


@pytest.mark.parametrize("seed", range(25))
def test_work_that_ends_anywhere_is_resumed_without_loss_and_without_doing_a_committed_clip_again(
    files: list[SoundFile], tmp_path: Path, seed: int
) -> None:
    """Commands are killed before, within and after a commit, on one machine or on a cluster; bytes are altered."""
    rng = np.random.default_rng(seed)
    bad = {file.clip for file in files if rng.random() < 0.15}
    out, committed = tmp_path / "tags.csv", dict[str, int]()  # by which command each clip was committed last

    def row_of(file: SoundFile, command: int) -> Row:
        if file.clip in bad:
            return problem_row(file.clip, str(file.path), f"is bad, says {command}")
        return {"clip": file.clip, "by": command}

    def work(journal: Journal, command: int, left: int) -> None:
        """Do clips or shards until so many are committed, then die."""
        if rng.random() < 0.3:
            for file in journal.todo(files):
                if (left := left - 1) < 0:
                    raise Killed
                journal.add(row_of(file, command))
                committed[file.clip] = command
        else:
            found = list(cut_shards(journal, files))
            rng.shuffle(found)  # type: ignore[arg-type]
            for shard in found:
                if (left := left - len(shard.files)) < 0:
                    raise Killed
                journal.commit(shard.positions, part_bytes(shard.keys, [row_of(file, command) for file in shard.files]))
                committed.update((file.clip, command) for file in shard.files)

    journal_file, folder = tmp_path / ".tags.csv.partial.jsonl", tmp_path / ".tags.csv.partial.parts"
    is_disk_damaged = seed % 2 == 1
    for command in range(20):
        before = dict(committed)
        try:
            with Journal(out, {"ensemble": 1}, lambda sentence: None) as journal:
                work(journal, command, int(rng.integers(0, CLIPS)) if command < 19 else 2 * CLIPS)
                rows = list(journal.rows())
                journal.remove()
                break
        except Killed:
            pass
        finally:
            again = {clip for clip in before if committed[clip] != before[clip]} - bad
            assert not again or is_disk_damaged
        if is_disk_damaged and rng.random() < 0.5 and (parts := sorted(folder.glob("*.parquet"))):
            victim = parts[rng.integers(len(parts))]
            if rng.random() < 0.3:
                victim.unlink()
            else:
                content = bytearray(victim.read_bytes())
                content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
                victim.write_bytes(content)
        elif is_disk_damaged:
            os.truncate(journal_file, max(0, journal_file.stat().st_size - int(rng.integers(1, 40))))
        else:  # a part that is not named yet, as if killed between the two
            folder.mkdir(exist_ok=True)
            last = max((int(path.stem.removeprefix("part-")) for path in folder.glob("*.parquet")), default=0)
            (folder / f"part-{last + 1:06}.parquet").write_bytes(b"half of")
    assert [row["clip"] for row in rows] == [file.clip for file in files]
    by = {file.clip: committed[file.clip] for file in files}
    assert rows == [row_of(file, by[file.clip]) for file in files]
    assert list(tmp_path.glob(".*")) == []


def test_rows_of_a_part_that_is_altered_during_the_work_are_not_written_out(
    files: list[SoundFile], tmp_path: Path
) -> None:
    with Journal(tmp_path / "tags.csv", {}, print) as journal:
        for shard in cut_shards(journal, files):
            journal.commit(shard.positions, part_bytes(shard.keys, [{"clip": file.clip} for file in shard.files]))
        part = tmp_path / ".tags.csv.partial.parts/part-000002.parquet"
        part.write_bytes(part.read_bytes()[:-1] + b"x")
        with pytest.raises(AudiotagError, match="was altered or its disk is damaged; run the same command again"):
            list(journal.rows())


@pytest.mark.parametrize("isolated", [False, True])
def test_shard_has_the_rows_and_files_that_tagging_on_this_machine_gives(
    tmp_path: Path, tagger: Tagger, tiny_ensemble: Path, write_wav: Callable[..., Path], isolated: bool
) -> None:
    for number in range(3):
        write_wav(tmp_path / f"in/{number}.wav", noise(0.7 + number, number))
    (tmp_path / "in/letter.wav").write_text("Dear sir")
    files = list(sound_files([tmp_path / "in"]))
    export = ExportOptions(tagger.card.labels, tagger.thresholds, timeline=True)
    per_clip = (("audacity", tmp_path / "tracks"),)
    options = ShardOptions(tiny_ensemble, TagSettings(), tagger.thresholds, export, per_clip)
    done = tag_shard(tagger, files, [1, 2, 3, 4], options, workers=1, isolated=isolated)
    local = [tag_row(result, export, [(AudacityFormat(), tmp_path / "tracks")]) for result in tag_files(tagger, files)]
    with Journal(tmp_path / "tags.csv", {}, print) as journal:
        (shard,) = cut_shards(journal, files)
        journal.commit(shard.positions, done.part)
        assert list(journal.rows()) == local
    assert pq.read_table(io.BytesIO(done.part))["key"].to_pylist() == [1, 2, 3, 0]
    assert (done.good, round(done.sound_s, 3), done.known) == (3, 5.1, 0)
    assert done.problems == [local[3]["problem"]]
    assert {path: content for path, content in done.exports} == {
        path: path.read_bytes() for path in (tmp_path / "tracks").iterdir()
    }
