"""Start, watch, reuse and replace the processes that decode files: `audiotag.audio.decoder_process`.

A worker that ends, hangs or uses too much memory costs the file in hand, never the process that wanted the file. The
last lines of native code that crashed (Python's faulthandler prints where) go to the standard error of this process
if that is a file or a pipe: the log of a training, of measuring, or of a service. In a terminal they are left out,
where they would stand between progress bar and messages; ``2> log.txt`` keeps them.

A worker that gives no sample for 30 s is ended; where files come over a slow network, ``AUDIOTAG_DECODER_TIMEOUT_S``
sets more.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

import numpy as np
import psutil

from audiotag.jobs import child_environment
from audiotag.processors import usable_cpus


def _seconds_from(text: str, default: float) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return default
    return seconds if 0 < seconds < math.inf else default


HANG_S = _seconds_from(os.environ.get("AUDIOTAG_DECODER_TIMEOUT_S", ""), 30.0)  # without an answer
START_S = 120.0  # on a busy machine; usually 0.2 s
MEMORY_MB = 512  # of one worker; 200 MB of address space are its libraries
IS_MEMORY_LIMITED = sys.platform == "linux"  # by the system; elsewhere the process is watched
WATCH_S = 0.5  # between two looks at all workers that are awaited
PIPE_BYTES = 1 << 20
HANGS, TOO_MUCH_MEMORY, KILLED, CRASHED, NOT_STARTED = "hangs", "too much memory", "killed", "crashed", "not started"
STOPPED = "stopped"
_KILL_SIGNALS = (-9, -15)  # what ends a process from outside
_LOG = logging.getLogger("audiotag")


class DecoderEndedError(Exception):
    """A worker ended instead of answering.

    Attributes
    ----------
    reason : str
        `HANGS`, `TOO_MUCH_MEMORY`, `KILLED` (by another process), `CRASHED`, `NOT_STARTED` or `STOPPED`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DecoderWorker:
    """A process that decodes one file after the other; used by one thread at a time."""

    def __init__(self) -> None:
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "audiotag.audio.decoder_process", str(os.getpid()), str(MEMORY_MB << 20)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=_log_output(),
            env=child_environment(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1"),
            creationflags=flags,
            start_new_session=sys.platform != "win32",  # Ctrl+C goes to the command, which then ends its workers
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        _enlarge_pipe(self._answers.fileno())
        self._pid = self._process.pid
        self._limit_s = 0.0
        self._waited_s: float | None = None
        self._stop: threading.Event | None = None
        self._verdict = ""

    @property
    def pid(self) -> int:
        """Process ID of what decodes; in a virtual environment on Windows its launcher has another one."""
        return self._pid

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait for the first answer."""
        self._pid = self.answer(START_S)["pid"]

    def request(self, **request: object) -> None:
        """Send a request."""
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except OSError as error:
            raise self._ended() from error

    def send(self, content: bytes) -> None:
        """Send a block of a remote sound, after its size, that the process asked for."""
        self.request(bytes=len(content))
        try:
            self._requests.write(content)
            self._requests.flush()
        except OSError as error:
            raise self._ended() from error

    def answer(self, limit_s: float | None = None) -> dict:
        """Wait for the next answer.

        Raises
        ------
        DecoderEndedError
            If the process ends, or was ended because of its silence or memory.
        """
        with self._awaited(HANG_S if limit_s is None else limit_s):
            line = self._answers.readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        answer = json.loads(line)
        if "too_much_memory" in answer:
            self._verdict = TOO_MUCH_MEMORY
            raise self._ended()
        return answer

    def read_samples(self, samples: np.ndarray) -> None:
        """Fill an array, float32 with shape ``(samples, channels)``, with the samples that follow an answer."""
        view, done = samples.reshape(-1).view(np.uint8), 0
        with self._awaited(HANG_S):
            while done < len(view) and (read := self._answers.readinto(view[done:])):  # type: ignore[attr-defined]
                done += read
        if done < len(view):
            raise self._ended()

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._answers):
            with suppress(OSError):  # a request that was not read
                pipe.close()

    def watch(self, elapsed_s: float) -> None:
        """End the process if it need not go on, or has been awaited for too long, or uses too much memory.

        Its reader then goes on.
        """
        waited_s = self._waited_s
        if waited_s is None:
            return
        self._waited_s = waited_s + elapsed_s
        if self._stop is not None and self._stop.is_set():
            self._verdict = STOPPED
        elif self._waited_s > self._limit_s:
            self._verdict = HANGS
        elif not IS_MEMORY_LIMITED and _resident_bytes(self.pid) > MEMORY_MB << 20:
            self._verdict = TOO_MUCH_MEMORY
        if self._verdict:
            self._process.kill()

    @contextmanager
    def _awaited(self, limit_s: float) -> Iterator[None]:
        self._stop = getattr(_this_thread, "stop", None)
        self._limit_s, self._waited_s = limit_s, 0.0
        try:
            yield
        finally:
            self._waited_s = None

    def _ended(self) -> DecoderEndedError:
        if self._verdict:
            self._process.kill()
        try:
            status = self._process.wait(timeout=HANG_S)
        except subprocess.TimeoutExpired:  # it has closed its output, but runs
            self._verdict = HANGS
            self._process.kill()
            status = self._process.wait()
        return DecoderEndedError(self._verdict or (KILLED if status in _KILL_SIGNALS else CRASHED))


class WorkerPool:
    """Workers that are kept for the next file.

    One thread starts and watches all workers: Linux ends a child when the thread ends that started it, and that of a
    page ends with its run.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin without workers, as in a process that was forked: those of its parent are not its own."""
        self._lock = threading.Lock()
        self._idle: list[DecoderWorker] = []
        self._used: set[DecoderWorker] = set()
        self._starts: queue.SimpleQueue[Future[DecoderWorker]] = queue.SimpleQueue()
        self._keeper: threading.Thread | None = None

    def take(self) -> DecoderWorker:
        """An idle worker, or a new one."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    self._used.add(worker)
                    return worker
                worker.end()
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="decoder-workers", daemon=True)
                self._keeper.start()
        future: Future[DecoderWorker] = Future()
        self._starts.put(future)
        worker = future.result()
        try:
            worker.wait_until_ready()
        except DecoderEndedError as error:
            self.discard(worker)
            raise DecoderEndedError(STOPPED if error.reason == STOPPED else NOT_STARTED) from error
        except BaseException:
            self.discard(worker)
            raise
        return worker

    def give_back(self, worker: DecoderWorker) -> None:
        """Keep a worker that has nothing to do, unless enough are idle."""
        with self._lock:
            self._used.discard(worker)
            if len(self._idle) < usable_cpus():
                self._idle.append(worker)
                return
        worker.end()

    def discard(self, worker: DecoderWorker) -> None:
        """End a worker, whatever it is doing."""
        with self._lock:
            self._used.discard(worker)
        worker.end()

    def close(self) -> None:
        """End all workers, also those in use."""
        with self._lock:
            workers, self._idle = [*self._idle, *self._used], []
            self._used.clear()
        for worker in workers:
            worker.end()

    def _keep(self) -> None:
        """Start workers when they are asked for, and look at those in use in between."""
        last = time.monotonic()
        while True:
            try:
                with suppress(queue.Empty):
                    self._start(self._starts.get(timeout=min(WATCH_S, HANG_S / 4)))
                now = time.monotonic()
                # A process that was stopped (Ctrl+Z, a laptop asleep) must not find that it has waited for hours.
                elapsed_s, last = min(now - last, 2 * WATCH_S), now
                with self._lock:
                    used = tuple(self._used)
                for worker in used:
                    worker.watch(elapsed_s)
            except Exception:  # without this thread every file would wait for its decoder for ever
                _LOG.exception("decoders cannot be watched")
                time.sleep(WATCH_S)

    def _start(self, future: Future[DecoderWorker]) -> None:
        try:
            worker = DecoderWorker()
            with self._lock:
                self._used.add(worker)
        except OSError:  # no memory, too many processes
            future.set_exception(DecoderEndedError(NOT_STARTED))
        except BaseException as error:  # the thread that waits raises it
            future.set_exception(error)
        else:
            future.set_result(worker)


def stop_decoding_at(event: threading.Event) -> None:
    """Have what this thread decodes ended soon after an event is set, even if its decoder hangs."""
    _this_thread.stop = event


def close_workers() -> None:
    """End all workers of this process; the next file starts new ones."""
    POOL.close()


def _log_output() -> int:
    """Where a worker's standard error goes: to ours if that is a log, else nowhere."""
    try:
        # Not 2 where a command keeps what libraries print off the screen: `audiotag.cli.progress.quiet_decoders`.
        descriptor = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # replaced by a file in memory, or by nothing
        descriptor = 2
    try:
        os.fstat(descriptor)
    except OSError:  # it is closed
        return subprocess.DEVNULL
    return subprocess.DEVNULL if os.isatty(descriptor) else descriptor


def _enlarge_pipe(descriptor: int) -> None:
    """Let a pipe hold more than the usual 64 kB, so that both sides take fewer turns."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # the user's pipes have reached their limit
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _resident_bytes(pid: int) -> int:
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0


_this_thread = threading.local()
POOL = WorkerPool()
atexit.register(close_workers)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)
