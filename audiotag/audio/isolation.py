"""A file that is decoded in another process, so that a decoder that crashes, hangs or eats memory costs that file only.

Conventions: as in `audiotag.audio.decoding`. A file that is closed before it was decoded to its end takes its worker
with it: to stop a process costs less than to let it finish.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import numpy as np

from audiotag.audio import decoder_workers
from audiotag.audio.decoder_workers import (
    CRASHED,
    HANGS,
    KILLED,
    NOT_STARTED,
    POOL,
    STOPPED,
    TOO_MUCH_MEMORY,
    DecoderEndedError,
    DecoderWorker,
)
from audiotag.audio.header import Source
from audiotag.errors import AudiotagError
from audiotag.leftovers import sweep_once, temporary_file
from audiotag.remote.addresses import is_remote
from audiotag.remote.reading import remote_bytes
from audiotag.workspace import Workspace

REASONS_THAT_MAY_PASS = (HANGS, KILLED, NOT_STARTED, STOPPED)  # a disk or a system that is too busy ends decoders, too
MAX_BLOCK_SAMPLES = 1 << 16  # per channel


class IsolatedFile:
    """The first sound track of a file, with attributes named as in ``soundfile.SoundFile``.

    A worker that is killed by somebody else, such as a system without memory, is replaced once, and decoding goes on
    where it was.

    Parameters
    ----------
    source : Path or bytes
    container : str
        As `audiotag.audio.containers.detect_container` returns it: FFmpeg decodes the file. With an empty string the
        worker finds out which library can.
    name : str
        The name that messages use for the sound.

    Attributes
    ----------
    frames, samplerate, channels, format, subtype, tracks, promised, is_cut, damage, notes, decoder_failed, lost
        As in `audiotag.audio.ffmpeg.FFmpegFile`; ``promised``, ``notes``, ``decoder_failed`` and ``lost`` are final
        after the last block.
    stated : int, optional
        As there; None if libsndfile decodes the file.

    Raises
    ------
    AudiotagError
        If the file is damaged, has no sound track, or its sound track cannot be decoded; in all methods also if its
        decoder crashes, gives no sample for 30 s, or needs too much memory.
    """

    frames: int
    samplerate: int
    channels: int
    format: str
    subtype: str
    tracks: int = 1
    stated: int | None = None
    promised: int = 0
    is_cut: bool = False
    damage: str = ""
    notes: Sequence[str] = ()

    def __init__(self, source: Source, container: str, name: str) -> None:
        self._source, self._name, self._container = source, name, container
        self.decoder_failed, self.lost = False, 0
        self._worker: DecoderWorker | None = None
        self._is_decoding = self._was_killed = False
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the worker for the next file."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if self._is_decoding:
            POOL.discard(worker)
            return
        try:
            worker.request(close=True)
        except DecoderEndedError:
            POOL.discard(worker)
        else:
            POOL.give_back(worker)

    def blocks(
        self, start: int = 0, stop: int | None = None, max_samples: int = MAX_BLOCK_SAMPLES
    ) -> Iterator[np.ndarray]:
        """Decode samples ``start`` to ``stop``, by default to the end, block by block; call it once per object.

        Parameters
        ----------
        start, stop : int
        max_samples : int
            Samples per channel in a block; with many channels it holds fewer.

        Yields
        ------
        numpy.ndarray, shape=(samples, channels), float32
            In [-1, 1]; samples of a lossy codec may lie slightly outside.
        """
        done = 0
        while True:
            try:
                for size in self._block_sizes(start + done, stop, max_samples):
                    block = np.empty((size, self.channels), np.float32)
                    assert self._worker is not None
                    self._worker.read_samples(block)
                    done += size
                    yield block
                return
            except DecoderEndedError as ended:
                self._replace_worker(ended)

    def _open(self) -> None:
        """Open the file in a worker, twice if the first one is killed."""
        while True:
            try:
                self._worker = POOL.take()
                with self._path() as path:
                    self._is_decoding = True  # a worker that does not answer is not used again
                    is_copy = not isinstance(self._source, Path)
                    source = self._source
                    remote: dict[str, object] = {}
                    if is_remote(source):  # which depends on the workspace, and the worker may be older than it
                        remote = {"remote_size": remote_bytes().size(source), "home": str(Workspace().root)}
                    self._worker.request(
                        open=path, name=self._name, container=self._container, is_copy=is_copy, **remote
                    )
                    answer = self._answer()
                self._is_decoding = False
            except DecoderEndedError as ended:
                self._discard_or_raise(ended)
            except BaseException:
                self.close()
                raise
            else:
                for attribute, value in answer["opened"].items():
                    setattr(self, attribute, value)
                return

    @contextmanager
    def _path(self) -> Iterator[str]:
        """The path of the file, or of a temporary one with the bytes of an upload."""
        if isinstance(self._source, Path):
            yield os.path.abspath(self._source)
            return
        with ExitStack() as closing:
            try:
                folder = Path(tempfile.gettempdir())
                sweep_once(folder)
                file = closing.enter_context(temporary_file(folder / "upload", mode=0o600))
                file.write(self._source)
                file.flush()
            except OSError as error:
                raise AudiotagError(
                    f"{self._name} cannot be read: it needs a temporary copy in {tempfile.gettempdir()} "
                    f"({error.strerror}); free space there.",
                    may_pass=True,
                ) from error
            yield str(file.name)

    def _block_sizes(self, start: int, stop: int | None, max_samples: int) -> Iterator[int]:
        """Samples per channel of the blocks that the worker sends, each read before the next is asked for."""
        assert self._worker is not None
        self._is_decoding = True
        self._worker.request(decode=[start, stop, max_samples])
        while "end" not in (answer := self._answer()):
            if answer["samples"]:
                yield answer["samples"]
        self.decoder_failed, self.lost = answer["end"], answer.get("lost", 0)
        self.notes, self.promised = answer.get("notes", self.notes), answer.get("promised", self.promised)
        self._is_decoding = False

    def _answer(self) -> dict:
        assert self._worker is not None
        answer = self._worker.answer()
        while "block" in answer:  # of a long remote sound
            assert is_remote(self._source)
            self._worker.send(remote_bytes().block(self._source, answer["block"]))
            answer = self._worker.answer()
        if "error" in answer:
            self._is_decoding = False
            raise AudiotagError(answer["error"], answer["may_pass"])
        return answer

    def _replace_worker(self, ended: DecoderEndedError) -> None:
        self._discard_or_raise(ended)
        self._open()

    def _discard_or_raise(self, ended: DecoderEndedError) -> None:
        """Remove a worker that ended; raise unless the file deserves another one."""
        if self._worker is not None:
            POOL.discard(self._worker)
            self._worker = None
        if ended.reason != KILLED or self._was_killed:
            sentence = f"{self._name} cannot be read: {_reason(ended.reason)}."
            raise AudiotagError(sentence, ended.reason in REASONS_THAT_MAY_PASS) from ended
        self._was_killed = True


def _reason(ended: str) -> str:
    """Why a file is lost whose worker ended, and what to do."""
    silence_s, memory_mb = decoder_workers.HANG_S, decoder_workers.MEMORY_MB
    return {
        HANGS: f"its decoder gave no sample for {silence_s:g} s; export it again as WAV",
        TOO_MUCH_MEMORY: f"its decoder needs more than {memory_mb} MB of memory; export it again as WAV",
        KILLED: "its decoder was killed twice, as if memory had run out; close other programs, or export it as WAV",
        CRASHED: "its decoder crashed on it; export it again as WAV",
        NOT_STARTED: "the process that decodes it does not start; close other programs, or install audiotag again",
        STOPPED: "the command was stopped",
    }[ended]
