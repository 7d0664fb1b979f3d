"""The command that embeds: ``audiotag embed``, and what ``audiotag tag --embeddings`` adds to tagging."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.cli.arguments import add_paths
from audiotag.cli.bulk_job import notes_path
from audiotag.cli.exit_codes import Terminated
from audiotag.cli.printing import say
from audiotag.cli.progress import Progress
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.similarity.embedding import EmbeddingWriter
    from audiotag.tagging.bulk import FileResult
    from audiotag.tagging.export.rows import Row
    from audiotag.tagging.sound_files import SoundFile
    from audiotag.tagging.tagger import Tagger

HELP = "Write the embeddings of sounds as vectors, which are the more similar the more alike two sounds are."


@dataclass(frozen=True)
class VectorFile:
    """A file of vectors that a command writes.

    Attributes
    ----------
    out : Path
    paths : sequence of Path
        Sound files and folders.
    writer : EmbeddingWriter
        Of the store that has the vectors, or will have them.
    with_windows : bool
        Whether the file has a row per window.
    problems : dict
        The files that cannot be read, as rows of the list of problems by the names of the clips.
    """

    out: Path
    paths: Sequence[Path]
    writer: EmbeddingWriter
    with_windows: bool = False
    problems: dict[str, Row] = field(default_factory=dict)

    def note(self, result: FileResult) -> None:
        """Note the problem of a file that has one."""
        from audiotag.tagging.bulk_job import problem_row_of

        if result.tags is None:
            self.problems[result.file.clip] = problem_row_of(result)

    def files(self) -> Iterator[SoundFile]:
        """The sounds that can be read as far as that is known."""
        from audiotag.tagging.sound_files import sound_files

        return (file for file in sound_files(self.paths) if file.clip not in self.problems)


def add_embed(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag embed``."""
    add_paths(sub)
    add = sub.add_argument
    add("--ensemble", default="starter", metavar="NAME", help="name or folder of the ensemble (default: starter)")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="Parquet file to write: fname, and vector, a list of 32-bit floats of length 1, or 0 for silence",
    )
    add("--windows", action="store_true", help="write one row per window instead of one row per clip, with start_s")


def embed(options: argparse.Namespace) -> int:
    """Embed sound files and folders of sound files."""
    from audiotag.similarity.embedding import EmbeddingWriter
    from audiotag.similarity.embedding_store import EmbeddingStore
    from audiotag.tagging.bulk_job import count_sounds
    from audiotag.tagging.card_reading import read_card
    from audiotag.tagging.ensemble import embedding_source, find_ensemble
    from audiotag.tagging.settings import MEASURED
    from audiotag.tagging.tagger import Tagger

    check_vector_file(options.out, options.paths, "--out")
    folder = find_ensemble(options.ensemble)
    total = count_sounds(options.paths)
    folder, card = embedding_source(folder, read_card(folder))
    writer = EmbeddingWriter(EmbeddingStore.of(card, Workspace()), options.windows)
    table = VectorFile(options.out, options.paths, writer, options.windows)
    return write_vectors(table, total, lambda: Tagger(folder, MEASURED, say=say, keep_embeddings=True))


def check_vector_file(out: Path, paths: Sequence[Path], option: str) -> None:
    """Refuse a file that cannot be written, or has another suffix."""
    from audiotag.tagging.bulk_job import check_out

    if out.suffix.lower() != ".parquet":
        raise AudiotagError(f"{option} must end in .parquet, got {out.name}.")
    check_out(out, paths, option=option)


def write_vectors(table: VectorFile, total: int, open_tagger: Callable[[], Tagger]) -> int:
    """Embed what has not been embedded, then write the file; returns the exit code.

    Parameters
    ----------
    table : VectorFile
    total : int
        Number of its sounds.
    open_tagger : callable
        Gives a tagger that keeps embeddings; called if there is something to embed.
    """
    from audiotag import in_hand
    from audiotag.similarity.embedding import embed_files
    from audiotag.similarity.vector_table import write_vector_table
    from audiotag.tagging.bulk import FileResult
    from audiotag.tagging.journal import write_problems

    writer, before = table.writer, len(table.problems)
    with in_hand.noting_alone(notes_path(table.paths)) as suspects, Progress(total - before, "embedded") as progress:
        if suspects:
            progress.say(in_hand.suspects_sentence(suspects))
        try:
            with writer, closing(embed_files(open_tagger, writer, table.files())) as results:
                for result in results:
                    table.note(result)
                    progress.count(result, writer.known)
        except (KeyboardInterrupt, Terminated):
            progress.count_resumed(writer.known)
            progress.say(f"{progress.good:,} clips are embedded; run the same command again to resume.")
            raise
        progress.count_resumed(writer.known)
        if progress.good:
            stored = writer.store.open()
            for file in write_vector_table(table.out, table.files(), stored, table.with_windows):
                changed = f"{file.clip} was changed while it was read; run the same command again."
                table.note(result := FileResult(file, None, changed))
                progress.good -= 1
                progress.count(result, writer.known)
    problems = table.out.with_name(f"{table.out.stem}.problems.csv")
    if table.problems:
        write_problems(problems, table.problems.values())
    else:
        problems.unlink(missing_ok=True)  # from an earlier command
    if progress.good:
        say(f"{table.out} has {progress.summary()}")
    return progress.finish(str(problems))
