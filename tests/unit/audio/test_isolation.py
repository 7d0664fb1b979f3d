"""A decoder that crashes, hangs or eats memory costs its file and nothing else."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import psutil
import pytest

from audiotag import leftovers
from audiotag.audio import decoder_workers
from audiotag.audio.containers import UNKNOWN_FRAMES
from audiotag.audio.decoder_workers import close_workers
from audiotag.audio.isolation import IsolatedFile
from audiotag.audio.reading import read_crop, read_header, read_sound
from audiotag.audio.streaming import LongSound
from audiotag.errors import AudiotagError

KILLED_WITH_A_COPY = """
import os
from audiotag.audio.decoder_workers import DecoderWorker
from audiotag.audio.isolation import IsolatedFile
DecoderWorker.request = lambda *_, **__: os.kill(os.getpid(), 9)
IsolatedFile(b"an upload", "mov", "a.m4a")
"""
M4a = Callable[..., bytes]
LOSSES = {
    "abort": "its decoder crashed on it; export it again as WAV",
    "hang": "its decoder gave no sample for 0.5 s; export it again as WAV",
    "allocate": "its decoder needs more than 512 MB of memory; export it again as WAV",
    "kill": "its decoder was killed twice, as if memory had run out; close other programs, or export it as WAV",
}


@pytest.fixture(scope="module")
def content(m4a: M4a, tone: Callable) -> bytes:
    """An M4A of 1 s."""
    return m4a(tone())


def decoders() -> list[psutil.Process]:
    """The decoder processes of this process."""
    return [child for child in psutil.Process().children() if "audiotag.audio.decoder_process" in child.cmdline()]


@pytest.mark.parametrize("when", ["opening", "decoding"])
@pytest.mark.parametrize("way", LOSSES)
def test_a_decoder_that_dies_costs_its_file_alone(
    fake_decoder: ModuleType, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, when: str
) -> None:
    (tmp_path / "good.m4a").write_bytes(content)
    path = tmp_path / "film.m4a"
    path.write_bytes(fake_decoder.deadly(content, way, when))
    sentence = f"film.m4a cannot be read: {LOSSES[way]}."
    before = read_sound(tmp_path / "good.m4a").waveform
    ways_to_read: dict[str, list[Callable]] = {
        "opening": [lambda: read_sound(path), lambda: read_header(path)],
        "decoding": [
            lambda: read_sound(path.read_bytes(), name="film.m4a"),
            lambda: read_crop(path, 20_000, 100),
            lambda: list(LongSound(path, 44_100).blocks()),
        ],
    }
    for read in ways_to_read[when]:
        with monkeypatch.context() as patience:
            if way == "hang":  # nobody is impatient with decoders that do answer, which a busy machine may slow down
                patience.setattr(decoder_workers, "HANG_S", 0.5)
            with pytest.raises(AudiotagError) as raised:
                read()
        assert str(raised.value) == sentence
        assert raised.value.may_pass == (way in ("hang", "kill"))
    np.testing.assert_array_equal(read_sound(tmp_path / "good.m4a").waveform, before)


@pytest.mark.parametrize("when", ["opening", "decoding"])
def test_a_file_whose_decoder_is_killed_from_outside_gets_a_second_one(
    fake_decoder: ModuleType, content: bytes, tmp_path: Path, when: str
) -> None:
    path = tmp_path / "film.m4a"
    path.write_bytes(fake_decoder.deadly(content, "kill once", when))
    waveform = read_sound(path).waveform
    assert (tmp_path / "film.m4a.killed").exists()
    np.testing.assert_array_equal(waveform, read_sound(content).waveform)


def test_an_idle_decoder_that_was_killed_is_replaced(content: bytes) -> None:
    before = read_sound(content).waveform
    for decoder in decoders():
        decoder.kill()
    np.testing.assert_array_equal(read_sound(content).waveform, before)


@pytest.mark.parametrize("context", ["nullcontext", "quiet_decoders"])  # as a command that shows its progress
def test_the_trace_of_a_crash_reaches_a_log(
    fake_decoder: ModuleType, content: bytes, tmp_path: Path, context: str
) -> None:
    path = tmp_path / "film.m4a"
    path.write_bytes(fake_decoder.deadly(content, "abort"))
    code = f"""
import sys
from contextlib import nullcontext
from audiotag.audio.reading import read_sound
from audiotag.cli.progress import quiet_decoders
with {context}():
    read_sound(sys.argv[1])
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "Fatal Python error: Aborted" in done.stderr
    assert "av.py" in done.stderr


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_a_decoder_that_cannot_be_started_costs_its_file_alone(
    content: bytes, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    close_workers()
    with monkeypatch.context() as patched:
        patched.setattr(decoder_workers, "DecoderWorker", fail)
        with pytest.raises(type(error)):
            read_sound(content)
    assert read_sound(content).waveform.size


def test_the_thread_that_watches_decoders_outlives_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    is_reached = threading.Event()

    def fail(*_: object) -> None:
        is_reached.set()
        raise MemoryError

    close_workers()
    pool = decoder_workers.WorkerPool()
    with monkeypatch.context() as patched:
        patched.setattr(decoder_workers.DecoderWorker, "watch", fail)
        patched.setattr(decoder_workers, "WATCH_S", 0.01)
        first = pool.take()
        assert is_reached.wait(60)
    pool.take()
    assert first.is_alive
    pool.close()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("-1", 30.0), ("0", 30.0), ("nan", 30.0), ("inf", 30.0), ("", 30.0)]
)
def test_only_a_positive_time_is_a_decoder_timeout(text: str, seconds: float) -> None:
    assert decoder_workers._seconds_from(text, 30.0) == seconds


@pytest.mark.usefixtures("decoder_patience")
def test_decoder_that_hangs_ends_with_the_work_of_its_thread(fake_decoder: ModuleType, content: bytes) -> None:
    stop = threading.Event()
    stop.set()
    with ThreadPoolExecutor(1, initializer=decoder_workers.stop_decoding_at, initargs=(stop,)) as pool:
        reading = pool.submit(read_sound, fake_decoder.deadly(content, "hang"), None, "film.m4a")
        with pytest.raises(AudiotagError, match="cannot be read: the command was stopped"):
            reading.result()
    assert read_sound(content).waveform.size


def test_one_decoder_serves_file_after_file(content: bytes) -> None:
    close_workers()
    first = read_sound(content).waveform
    (decoder,) = decoders()
    for _ in range(5):
        np.testing.assert_array_equal(read_sound(content).waveform, first)
        read_header(content)
    assert decoders() == [decoder]


def test_a_file_that_cannot_be_read_does_not_cost_its_decoder(content: bytes) -> None:
    close_workers()
    read_sound(content)
    (decoder,) = decoders()
    for damaged in (content[: len(content) // 2], content[:40] + bytes(len(content) - 40)):
        with pytest.raises(AudiotagError):
            read_sound(damaged)
    read_sound(content)
    assert decoders() == [decoder]


def test_a_file_that_is_closed_early_frees_its_decoder(m4a: M4a, content: bytes) -> None:
    long = m4a(np.zeros(44_100 * 60))
    with IsolatedFile(long, "MP4", "long") as file:
        next(file.blocks())
        (decoder,) = [child for child in decoders() if child.pid == file._worker.pid]
    assert not decoder.is_running()
    read_sound(content)


def test_a_decoder_is_only_some_blocks_ahead(m4a: M4a, wait_until: Callable) -> None:
    close_workers()
    long = m4a(np.zeros(44_100 * 300))
    looks: list[tuple] = []

    def waits_for_its_reader() -> bool:
        looks.append((decoder.status(), decoder.cpu_times()))
        return len(looks) > 2 and looks[-3:] == [(psutil.STATUS_SLEEPING, looks[-1][1])] * 3

    with IsolatedFile(long, "MP4", "long") as file:
        next(file.blocks())
        (decoder,) = decoders()
        wait_until(waits_for_its_reader)
        assert decoder.memory_info().rss < 90e6  # the whole sound is 53 MB, and the libraries are 60 MB


def test_threads_decode_at_the_same_time(content: bytes) -> None:
    close_workers()
    expected = read_sound(content).waveform
    together = threading.Barrier(3)

    def read(_: int) -> tuple[int, np.ndarray]:
        with IsolatedFile(content, "MP4", "tone") as file:
            together.wait(90)  # until three files are open
            return file._worker.pid, np.concatenate(list(file.blocks()))[:, 0]

    with ThreadPoolExecutor(3) as threads:
        pids, waveforms = zip(*threads.map(read, range(6)), strict=True)
    assert len(set(pids[:3])) == len(set(pids[3:])) == 3
    for waveform in waveforms:
        np.testing.assert_array_equal(waveform, expected)
    assert 1 <= len(decoders()) <= decoder_workers.usable_cpus()


def test_a_decoder_outlives_the_thread_that_needed_it_first(content: bytes) -> None:
    close_workers()
    thread = threading.Thread(target=read_sound, args=(content,))
    thread.start()
    thread.join()
    (decoder,) = decoders()
    read_sound(content)
    assert decoders() == [decoder]


def test_no_decoder_outlives_its_process(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "good.m4a").write_bytes(content)
    code = """
import os, sys, psutil
from audiotag.audio.reading import read_sound
read_sound(sys.argv[1])
print(*(child.pid for child in psutil.Process().children()), flush=True)
sys.stdin.read() if sys.argv[2] == "killed" else None
"""
    for end in ("ended", "killed"):
        with subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "good.m4a", end], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as parent:
            (child,) = map(int, parent.stdout.readline().split())
            decoder = psutil.Process(child) if psutil.pid_exists(child) else None
            if end == "killed":
                parent.kill()
        if decoder is not None:
            psutil.wait_procs([decoder], timeout=30)
            assert not decoder.is_running()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_decoders_of_its_own(content: bytes) -> None:
    code = """
import os, sys
from audiotag.audio.reading import read_sound
content = sys.stdin.buffer.read()
expected = read_sound(content).waveform
child = os.fork()
assert (read_sound(content).waveform == expected).all()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_upload_leaves_no_copy_behind(
    fake_decoder: ModuleType, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read_sound(content)
    for way in ("abort", "kill"):
        for when in ("opening", "decoding"):
            with pytest.raises(AudiotagError):
                read_sound(fake_decoder.deadly(content, way, when))
    assert list(tmp_path.iterdir()) == []


def test_an_upload_without_space_for_its_copy_is_named(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(AudiotagError, match=r"^song\.m4a cannot be read: it needs a temporary copy in .*free space"):
        read_sound(content, name="song.m4a")


def test_a_decoder_that_does_not_start_is_named(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_workers()
    (tmp_path / "av.py").touch()
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(AudiotagError, match=r"^song\.m4a cannot be read: the process that decodes it does not start"):
        read_sound(content, name="song.m4a")


def test_modules_in_the_working_folder_are_not_run(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_workers()
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    read_sound(content)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the memory is watched in any case")
def test_memory_is_watched_where_the_system_does_not_limit_it(
    fake_decoder: ModuleType, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_workers()
    read_sound(content)  # starts the decoder
    monkeypatch.setattr("audiotag.audio.decoder_workers.WATCH_S", 0.01)
    monkeypatch.setattr("audiotag.audio.decoder_workers.IS_MEMORY_LIMITED", False)
    monkeypatch.setattr("audiotag.audio.decoder_workers._resident_bytes", lambda pid: 5000 << 20)
    with pytest.raises(AudiotagError, match="needs more than 512 MB of memory"):
        read_sound(fake_decoder.deadly(content, "hang"))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "m4a"])
def test_a_sound_of_any_format_is_the_same_if_it_is_isolated(
    tmp_path: Path, tone: Callable, m4a: M4a, suffix: str
) -> None:
    import soundfile

    path = tmp_path / f"tone.{suffix}"
    if suffix == "m4a":
        path.write_bytes(m4a(tone()))
    else:
        soundfile.write(path, tone(), 44_100)
    sound, isolated = read_sound(path), read_sound(path, isolated=True)
    np.testing.assert_array_equal(isolated.waveform, sound.waveform)
    assert (isolated.header, isolated.notes) == (sound.header, sound.notes)
    for start in (0, 100, 30_000, 44_000):
        np.testing.assert_array_equal(read_crop(path, start, 500, isolated=True), read_crop(path, start, 500))
    blocks = LongSound(path, 44_100, isolated=True).blocks()
    np.testing.assert_array_equal(np.concatenate(list(blocks)), sound.waveform)


@pytest.mark.parametrize("content", [b"Dear sir, this is a letter. " * 50, bytes(4) + b"ftypM4A " + bytes(100)])
def test_what_is_not_a_sound_gets_the_same_sentence_if_it_is_isolated(content: bytes) -> None:
    sentences = set()
    for isolated in (False, True):
        with pytest.raises(AudiotagError) as raised:
            read_sound(content, name="letter", isolated=isolated)
        sentences.add(str(raised.value))
    assert len(sentences) == 1


def test_files_that_libsndfile_reads_start_no_decoder(tmp_path: Path, tone: Callable) -> None:
    import soundfile

    close_workers()
    for suffix in ("wav", "flac", "ogg", "mp3"):
        soundfile.write(tmp_path / f"tone.{suffix}", tone(), 44_100)
        read_sound(tmp_path / f"tone.{suffix}")
    assert decoders() == []


def test_ctrl_c_does_not_reach_the_decoder(content: bytes) -> None:
    close_workers()
    read_sound(content)
    (decoder,) = decoders()
    assert os.getpgid(decoder.pid) != os.getpgid(0)


def test_a_file_has_the_attributes_of_soundfile(content: bytes) -> None:
    with IsolatedFile(content, "MP4", "tone") as file:
        assert (file.frames, file.samplerate, file.channels, file.tracks) == (44_100, 44_100, 1, 1)
        assert (file.format, file.subtype, file.decoder_failed) == ("MP4", "AAC", False)
        assert file.frames < UNKNOWN_FRAMES
        samples = np.concatenate(list(file.blocks(100, 300)))
    assert (samples.shape, samples.dtype, file.decoder_failed) == ((200, 1), np.float32, False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no lock that tells whose process has ended")
def test_copy_of_an_upload_that_a_killed_process_left_goes_with_the_next_copy(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([sys.executable, "-c", KILLED_WITH_A_COPY], env=os.environ | {"TMPDIR": str(tmp_path)}, check=False)
    (copy,) = tmp_path.iterdir()
    assert copy.read_bytes() == b"an upload"
    assert copy.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(leftovers, "_swept", set())
    assert len(read_sound(content, name="a.m4a").waveform)
    assert list(tmp_path.iterdir()) == []
