"""Mutated sound files: each is tagged and measured, or is a problem with a name; no process ends, no memory grows.

Short sounds are written in every format that is read. Each file is one of them with some of its bytes changed at
random, from one seed. Tried are as many files as asked for; every one must come back from ``audiotag tag`` and from
``audiotag scan --measure``, either with figures or with a sentence.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attacks.observed import Ended, Tally, audiotag, run

DURATION_S = 0.4
MEMORY_BOUND_BYTES = 1.2e9
SEED = 15
CLASSES = 20
LIBSNDFILE_FORMATS = [
    ("wav", "WAV", "PCM_16"), ("wav", "WAV", "PCM_24"), ("wav", "WAV", "FLOAT"), ("wav", "WAV", "DOUBLE"),
    ("wav", "WAV", "PCM_U8"), ("wav", "WAV", "ULAW"), ("wav", "WAV", "IMA_ADPCM"), ("wav", "WAVEX", "PCM_16"),
    ("wav", "RF64", "PCM_16"), ("wav", "W64", "PCM_16"), ("wav", "AIFF", "PCM_16"), ("wav", "CAF", "ALAC_16"),
    ("flac", "FLAC", "PCM_16"), ("ogg", "OGG", "VORBIS"), ("opus", "OGG", "OPUS"), ("mp3", "MP3", "MPEG_LAYER_III"),
]  # fmt: skip
FFMPEG_FORMATS = [
    ("m4a", ("ipod", "aac", "stereo", 44_100)), ("m4a", ("ipod", "aac", "7.1", 48_000)),
    ("m4a", ("ipod", "alac", "mono", 44_100)), ("mp4", ("mp4", "libopus", "mono", 48_000)),
    ("mov", ("mov", "pcm_s24le", "stereo", 48_000)), ("aac", ("adts", "aac", "mono", 22_050)),
    ("webm", ("webm", "libopus", "7.1", 48_000)), ("mka", ("matroska", "flac", "mono", 44_100)),
    ("mkv", ("matroska", "aac", "7.1", 48_000)), ("wma", ("asf", "wmav2", "stereo", 44_100)),
    ("avi", ("avi", "pcm_s16le", "mono", 22_050)),
]  # fmt: skip
TIME_SCRIPT = """\
import json, sys, time
from pathlib import Path
from audiotag.audio.reading import read_sound
slowest = (0.0, "")
for path in sys.stdin.read().split("\\0"):
    began = time.perf_counter()
    try:
        read_sound(Path(path), 44_100)
    except Exception:
        pass
    slowest = max(slowest, (time.perf_counter() - began, path))
print(json.dumps(slowest))
"""


def attack(folder: Path, home: Path, count: int) -> Iterator[Tally]:
    """Write ``count`` mutated files into ``folder``, tag and measure all of them."""
    names = write_mutated(folder, count)
    yield _tag(folder, home, names)
    yield _measure(folder, home, names)


def write_mutated(folder: Path, count: int) -> set[str]:
    """Write mutated files into one folder per class; their names relative to ``folder``."""
    rng = np.random.default_rng(SEED)
    originals = _originals()
    names = set()
    for number in range(count):
        suffix, content = originals[number % len(originals)]
        if rng.random() < 0.05:  # a suffix that does not match
            suffix = originals[rng.integers(len(originals))][0]
        name = f"class-{number % CLASSES:02}/{number:05}.{suffix}"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(rng.integers(1, 4)):
            content = _MUTATIONS[rng.integers(len(_MUTATIONS))](content, rng)
        path.write_bytes(content)
        names.add(name)
    return names


def _tag(folder: Path, home: Path, names: set[str]) -> Tally:
    out = folder.parent / "tags.csv"
    ended = run(audiotag("tag", folder, "--out", out), home)
    tally = _tally("mutated files, tag", names, ended)
    tagged = _column(out, "fname", "clip") if out.exists() else []
    problems_file = out.with_name("tags.problems.csv")
    named = _column(problems_file, "clip", "fname") if problems_file.exists() else []
    _compare(tally, names, tagged, named)
    tally.figures |= _slowest(folder, names, home)
    return tally


def _measure(folder: Path, home: Path, names: set[str]) -> Tally:
    out = folder.parent / "measures.csv"
    ended = run(audiotag("scan", folder, "--measure", "--out", out, "--json"), home)
    tally = _tally("mutated files, measure", names, ended)
    try:
        problems = json.loads(ended.output[ended.output.index("{\n") : ended.output.rindex("}") + 1])["problems"]
    except ValueError:
        tally.lost.append(f"scan printed no result: {ended.output[-300:]}")
        return tally
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    measured = [row["clip"] for row in rows if row["rms_dbfs"] or row["peak_dbfs"]]
    sentences = "\n".join(problem["what"] for problem in problems)
    named = [name for name in names - set(measured) if name in sentences]
    _compare(tally, names, measured, named)
    return tally


def _tally(name: str, names: set[str], ended: Ended) -> Tally:
    tally = Tally(name, tried=len(names))
    tally.figures = {"seconds": round(ended.seconds, 1), "peak_MB": round(ended.peak_bytes / 1e6)}
    if ended.status not in (0, 1):
        tally.lost.append(f"exit status {ended.status}: {ended.output[-500:]}")
    if "Traceback" in ended.output:
        tally.lost.append(f"a traceback on the terminal: {ended.output[-500:]}")
    if ended.peak_bytes > MEMORY_BOUND_BYTES:
        tally.lost.append(f"{ended.peak_bytes / 1e6:.0f} MB of memory, {MEMORY_BOUND_BYTES / 1e6:.0f} MB are allowed")
    return tally


def _compare(tally: Tally, names: set[str], done: list[str], named: list[str]) -> None:
    tally.named = len(named)
    tally.survived = len(set(done) | set(named))
    tally.lost += [f"{name} was lost" for name in sorted(names - set(done) - set(named))[:20]]
    twice = len(done) + len(named) - len(set(done) | set(named))
    if twice:
        tally.lost.append(f"{twice} files came back twice")


def _column(path: Path, *columns: str) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        column = next(name for name in columns if name in (rows.fieldnames or ()))
        return [row[column] for row in rows]


def _slowest(folder: Path, names: set[str], home: Path) -> dict[str, Any]:
    import os
    import subprocess

    paths = "\0".join(str(folder / name) for name in sorted(names))
    environment = os.environ | {"AUDIOTAG_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", TIME_SCRIPT], input=paths, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        return {"slowest_file": f"decoding ended with status {done.returncode}"}
    seconds, path = json.loads(done.stdout)
    return {"slowest_s": round(seconds, 2), "slowest_file": Path(path).name}


def _originals() -> list[tuple[str, bytes]]:
    import soundfile

    written = []
    rng = np.random.default_rng(SEED)
    for suffix, form, subtype in LIBSNDFILE_FORMATS:
        for channels, rate in ((1, 44_100), (2, 48_000 if subtype == "OPUS" else 22_050)):
            rate = 48_000 if subtype == "OPUS" else rate
            buffer = io.BytesIO()
            soundfile.write(buffer, _sound(rng, rate, channels).T, rate, format=form, subtype=subtype)
            written.append((suffix, buffer.getvalue()))
    written += [(suffix, _encode(rng, *how)) for suffix, how in FFMPEG_FORMATS]
    return written


def _sound(rng: np.random.Generator, rate: int, channels: int) -> np.ndarray:
    time_s = np.arange(round(DURATION_S * rate)) / rate
    tones = np.sin(2 * np.pi * rng.uniform(200, 2000, (channels, 1)) * time_s)
    return (0.3 * tones + 0.05 * rng.normal(size=tones.shape)).clip(-1, 1).astype(np.float32)


def _encode(rng: np.random.Generator, muxer: str, codec: str, layout: str, rate: int) -> bytes:
    """A sound, encoded by FFmpeg."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format=muxer) as file:
        stream = file.add_stream(codec, rate=rate, layout=layout, bit_rate=64_000)
        assert isinstance(stream, av.AudioStream)
        file.start_encoding()
        channels = stream.layout.nb_channels
        resampler = av.AudioResampler(
            format=stream.format, layout=layout, rate=rate, frame_size=stream.frame_size or 1024
        )
        interleaved = np.ascontiguousarray(_sound(rng, rate, channels).T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def _flip_bytes(content: bytes, rng: np.random.Generator, within: int = 1 << 30) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(0, max(min(len(changed), within), 1), rng.integers(1, 30)):
        if place < len(changed):
            changed[place] = rng.integers(256)
    return bytes(changed)


def _flip_header(content: bytes, rng: np.random.Generator) -> bytes:
    return _flip_bytes(content, rng, within=128)


def _extreme_field(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace four bytes near the beginning by a number that sizes and rates should not be."""
    extremes = (0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFF, 0x01000000, 0x00000100)
    number = extremes[rng.integers(len(extremes))]
    place = int(rng.integers(0, max(min(len(content), 600) - 4, 1)))
    return content[:place] + number.to_bytes(4, "little" if rng.random() < 0.5 else "big") + content[place + 4 :]


def _cut_end(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(0, len(content) + 1))]


def _cut_middle(content: bytes, rng: np.random.Generator) -> bytes:
    begin, end = sorted(rng.integers(0, len(content) + 1, 2))
    return content[:begin] + content[end:]


def _fill(content: bytes, rng: np.random.Generator) -> bytes:
    begin, end = sorted(rng.integers(0, len(content) + 1, 2))
    return content[:begin] + (b"\0", b"\xff", b"R")[rng.integers(3)] * int(end - begin) + content[end:]


def _insert_noise(content: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(0, len(content) + 1))
    return content[:place] + rng.bytes(int(rng.integers(1, 4096))) + content[place:]


def _repeat_part(content: bytes, rng: np.random.Generator) -> bytes:
    begin, end = sorted(rng.integers(0, len(content) + 1, 2))
    return content[:end] + content[begin:end] + content[end:]


_MUTATIONS: list[Callable[[bytes, np.random.Generator], bytes]] = [
    _flip_bytes, _flip_header, _extreme_field, _cut_end, _cut_middle, _fill, _insert_noise, _repeat_part,
]  # fmt: skip
