"""Cut many files into shards, and tag one shard: the unit that a node of a cluster tags and the journal commits.

The process that lists the files (the driver) sends paths and gets back rows, so no waveform leaves the node that
decodes it. Only a bounded number of shards is listed in advance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from audiotag import in_hand
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.bulk_job import PerClip, clip_exports, own_paths, tag_row
from audiotag.tagging.export.base import EXPORTS, ExportOptions
from audiotag.tagging.journal import Journal, PendingClip
from audiotag.tagging.parts import part_bytes
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger

SHARD_CLIPS = 512  # at 1,000 times real time, 2.6 s of work for clips of 5 s
SHARD_BYTES = 1 << 29  # of sound files; a shard of long recordings has fewer clips


@dataclass(frozen=True)
class ShardOptions:
    """How shards are tagged, the same for all of a command.

    Attributes
    ----------
    ensemble : Path
        Its folder, which every node must see.
    settings : TagSettings
    thresholds : tuple[float, ...]
    export : ExportOptions
    per_clip : tuple of (str, Path)
        Names of export formats that write one file per clip, and the folder that each writes into.
    """

    ensemble: Path
    settings: TagSettings
    thresholds: tuple[float, ...]
    export: ExportOptions
    per_clip: tuple[tuple[str, Path], ...] = ()


class Shard(NamedTuple):
    """Some of the files to tag.

    Attributes
    ----------
    files : list of SoundFile
    keys : list of int
        By which the journal finds them again, see `audiotag.tagging.parts`.
    positions : list of int
        Among all files of the command.
    """

    files: list[SoundFile]
    keys: list[int]
    positions: list[int]


@dataclass
class ShardResult:
    """What comes back from a shard.

    Attributes
    ----------
    part : bytes
        The rows, see `audiotag.tagging.parts`.
    good : int
        Clips that were tagged.
    sound_s : float
        Their duration.
    known : int
        Those of them that some folds were trained on.
    problems : list of str
        One sentence for each of the other clips.
    exports : list of (Path, bytes)
        The files of formats that write one per clip.
    stale : list of Path
        Where such files of clips that could not be tagged would be; what is there is of an earlier sound.
    """

    part: bytes = b""
    good: int = 0
    sound_s: float = 0.0
    known: int = 0
    problems: list[str] = field(default_factory=list)
    exports: list[tuple[Path, bytes]] = field(default_factory=list)
    stale: list[Path] = field(default_factory=list)


def cut_shards(journal: Journal, files: Iterable[SoundFile]) -> Iterator[Shard]:
    """The files that the journal does not have yet, as shards of neighbouring files.

    Parameters
    ----------
    journal : Journal
        Open; give it the results of each shard by `Journal.commit`.
    files : iterable of SoundFile
        No more are taken from it than the shard at hand needs.

    Yields
    ------
    Shard
        Of at most `SHARD_CLIPS` files; it ends with the one that makes it `SHARD_BYTES` or larger.
    """
    chosen: list[PendingClip] = []
    chosen_bytes = 0
    for clip in journal.pending(files):
        chosen.append(clip)
        chosen_bytes += clip.stat.st_size if clip.stat else 0
        if len(chosen) >= SHARD_CLIPS or chosen_bytes >= SHARD_BYTES:
            yield _shard(chosen)
            chosen, chosen_bytes = [], 0
    if chosen:
        yield _shard(chosen)


def tag_shard(
    tagger: Tagger,
    files: Sequence[SoundFile],
    keys: Sequence[int],
    options: ShardOptions,
    workers: int = 0,
    isolated: bool = False,
) -> ShardResult:
    """Tag the files of a shard.

    Parameters
    ----------
    tagger : Tagger
        Of the ensemble in ``options``.
    files, keys : sequence
        Of the `Shard`.
    options : ShardOptions
    workers : int
        Threads that decode; 0 means one per core.
    isolated : bool
        Whether each file is decoded in a process of its own, because the process that had this shard before ended.
    """
    if isolated:
        for file in files:
            in_hand.suspect(file.path)
    per_clip: PerClip = [(EXPORTS.get(name)(), folder) for name, folder in options.per_clip]
    done, rows = ShardResult(), []
    with closing(tag_files(tagger, files, workers)) as results:
        for result in results:
            rows.append(tag_row(result, options.export))
            done.exports += clip_exports(result, options.export, per_clip)
            if result.tags is None:
                done.problems.append(result.problem)
                done.stale += own_paths(result.file, per_clip)
            else:
                done.good += 1
                done.sound_s += result.tags.duration_s
                done.known += bool(result.tags.trained_folds)
    done.part = part_bytes(keys, rows)
    return done


def _shard(clips: Sequence[PendingClip]) -> Shard:
    return Shard([clip.file for clip in clips], [clip.key() for clip in clips], [clip.position for clip in clips])
