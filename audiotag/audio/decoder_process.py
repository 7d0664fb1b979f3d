"""Decode files for another process: ``python -m audiotag.audio.decoder_process PARENT MEMORY``.

PARENT is the process ID of the process that it ends with; MEMORY is how many bytes of memory it may use.

A decoder of native code can crash, hang, or use all memory. In a process of its own that costs one file. The process
gets requests on its standard input and answers on its standard output, one JSON object per line:

| request | answers |
|---|---|
| | ``{"ready": true, "pid": …}`` once, after the start |
| ``{"open": path, "container": …, "name": …, "is_copy": …}`` | ``{"opened": {attribute: value}}`` |
| ``{"bytes": size}``, then so many bytes | answers ``{"block": number}``, which may come in place of any answer |
| ``{"decode": [start, stop, samples in a block]}`` | ``{"samples": n}``, then n samples; repeated; ``{"end": …, …}`` |
| ``{"close": true}`` | |

The container is that of FFmpeg, or empty if this process shall choose the library. A copy is removed when it is closed.
Instead of any answer may come ``{"error": sentence, "may_pass": …}`` (see `audiotag.errors.may_pass`) or
``{"too_much_memory": true}``. Samples are float32, frame by frame. A file that is decoded sends an answer every second,
with 0 samples where it only skips some. The pipe holds the process back: it is at most one block ahead of its reader.

It imports only NumPy and what decodes, so that it starts in 0.2 s.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, Union

import numpy as np

from audiotag.audio.decoding import BlockReader, seek_near
from audiotag.audio.ffmpeg import FFmpegFile
from audiotag.audio.opening import open_with_library, unreadable_error
from audiotag.errors import AudiotagError, clip_problem, may_pass
from audiotag.jobs import end_with_parent
from audiotag.remote.reading import read_by

if TYPE_CHECKING:
    import soundfile

DecodingFile: TypeAlias = Union["soundfile.SoundFile", FFmpegFile]

BLOCK_BYTES = 1 << 19  # 1.5 s of stereo at 44.1 kHz: fewer, larger blocks are not faster
MAX_SILENCE_S = 1.0  # between two answers while a file is decoded
ATTRIBUTES = ("frames", "samplerate", "channels", "format", "subtype")
FFMPEG_ATTRIBUTES = ("tracks", "stated", "promised", "is_cut", "damage", "notes")


def main() -> None:
    """Answer requests until the input ends."""
    end_with_parent(int(sys.argv[1]))
    faulthandler.enable()
    logging.basicConfig()  # standard error
    requests, answers = sys.stdin.buffer, _take_output()
    limit_memory(int(sys.argv[2]))
    server = DecoderServer(requests, answers)
    read_by(server)
    server.send(ready=True, pid=os.getpid())
    with suppress(BrokenPipeError):  # the parent has ended
        for line in requests:
            server.answer(json.loads(line))


class DecoderServer:
    """Answer requests about one open file at a time.

    Parameters
    ----------
    requests : BinaryIO
        Where the requests, and blocks of remote sounds, come from.
    answers : BinaryIO
        Where the answers are written.
    """

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests, self._answers = requests, answers
        self._remote_size = 0
        self._closing = ExitStack()
        self._file: DecodingFile | None = None
        self._name, self._path = "", Path()

    def send(self, **answer: object) -> None:
        """Write one answer."""
        self._answers.write(json.dumps(answer).encode() + b"\n")
        self._answers.flush()

    def size(self, path: Path) -> int:
        """Size in bytes of the remote sound that is open."""
        return self._remote_size

    def block(self, path: Path, number: int) -> bytes:
        """A block of the remote sound that is open, which the parent fetches; empty if it cannot."""
        self.send(block=number)
        return self._requests.read(json.loads(self._requests.readline())["bytes"])

    def answer(self, request: dict) -> None:
        """Carry out one request; whatever fails is an answer, so that the process goes on."""
        try:
            if "open" in request:
                if "home" in request:
                    os.environ["AUDIOTAG_HOME"], self._remote_size = request["home"], request["remote_size"]
                self._open(Path(request["open"]), request["name"], request["container"], request["is_copy"])
            elif "decode" in request:
                self._decode(*request["decode"])
            else:
                self._closing.close()
        except MemoryError:
            self.send(too_much_memory=True)
        except AudiotagError as error:
            self.send(error=str(error), may_pass=error.may_pass)
        except BrokenPipeError:
            raise
        except Exception as error:
            if type(error).__name__ == "LibsndfileError":  # without importing soundfile for files of FFmpeg
                error = unreadable_error(self._name, error)
            self.send(error=clip_problem(self._name, error), may_pass=may_pass(error))

    def _open(self, path: Path, name: str, container: str, is_copy: bool) -> None:
        self._closing.close()
        self._name, self._path = name, path
        if is_copy:
            self._closing.callback(path.unlink, missing_ok=True)
        file = FFmpegFile(path, container, name) if container else open_with_library(path, name, FFmpegFile)
        self._file = self._closing.enter_context(file)
        names = (*ATTRIBUTES, *FFMPEG_ATTRIBUTES) if isinstance(file, FFmpegFile) else ATTRIBUTES
        self.send(opened={name: getattr(file, name) for name in names})

    def _decode(self, start: int, stop: int | None, max_samples: int) -> None:
        file = self._file
        assert file is not None
        block = np.empty((max(1, min(max_samples, BLOCK_BYTES // (4 * file.channels))), file.channels), np.float32)
        if isinstance(file, FFmpegFile):
            self._send_samples(file.blocks(start, stop), block)
            self.send(end=file.decoder_failed, lost=file.lost, notes=file.notes, promised=file.promised)
        else:
            skip = seek_near(file, self._path, start)
            reader = BlockReader(file, None if stop is None else stop - start + skip, len(block))
            self._send_samples(_drop(reader, skip), block)
            self.send(end=reader.decoder_failed, lost=reader.lost)

    def _send_samples(self, blocks: Iterator[np.ndarray], waiting: np.ndarray) -> None:
        """Collect blocks in an array and send it each time that it is full."""
        filled, last = 0, time.monotonic()
        for block in blocks:
            while filled + len(block) >= len(waiting):
                free = len(waiting) - filled
                waiting[filled:] = block[:free]
                self._send_block(waiting)
                filled, last, block = 0, time.monotonic(), block[free:]
            waiting[filled : filled + len(block)] = block
            filled += len(block)
            if time.monotonic() - last > MAX_SILENCE_S:
                self._send_block(waiting[:filled])
                filled, last = 0, time.monotonic()
        if filled:
            self._send_block(waiting[:filled])

    def _send_block(self, samples: np.ndarray) -> None:
        self._answers.write(json.dumps({"samples": len(samples)}).encode() + b"\n")
        self._answers.write(samples.data)
        self._answers.flush()


def limit_memory(limit_bytes: int) -> None:
    """Let allocations beyond a limit fail, where the system can do this; elsewhere the parent watches the process."""
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard != resource.RLIM_INFINITY:
            limit_bytes = min(limit_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, hard))


def _drop(blocks: BlockReader, samples: int) -> Iterator[np.ndarray]:
    """The blocks without their first samples."""
    for block in blocks:
        yield block[samples:]
        samples = max(samples - len(block), 0)


def _take_output() -> BinaryIO:
    """Standard output as a file of our own: what a library prints there goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
