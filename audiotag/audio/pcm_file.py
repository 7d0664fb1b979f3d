"""Open uncompressed sounds whose header is wrong, at the places where their samples are."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.audio.iff_layout import read_aiff_layout, read_au_layout, read_caf_layout
from audiotag.audio.pcm_layout import Content, PcmLayout
from audiotag.audio.riff_layout import holds_surround, read_riff_layout, read_w64_layout
from audiotag.remote.addresses import is_remote
from audiotag.remote.reading import RangedFile

if TYPE_CHECKING:
    import soundfile

_READERS = {
    b"RIFF": read_riff_layout, b"RIFX": read_riff_layout, b"RF64": read_riff_layout, b"BW64": read_riff_layout,
    b"ID3\2": read_riff_layout, b"ID3\3": read_riff_layout, b"ID3\4": read_riff_layout, b"riff": read_w64_layout,
    b"FORM": read_aiff_layout, b"caff": read_caf_layout, b".snd": read_au_layout, b"dns.": read_au_layout,
}  # fmt: skip


def find_layout(source: Path | bytes) -> PcmLayout | None:
    """Where the samples of a WAV, RF64, BW64, W64, AIFF, CAF or AU are; None for other files and without samples.

    Returns
    -------
    PcmLayout or None
        With an empty ``subtype`` if the samples are compressed, as also DTS and AC-3 are that pretend to be samples.
    """
    return look_into(source)[0]


def look_into(source: Path | bytes) -> tuple[PcmLayout | None, bytes]:
    """The result of `find_layout`, and the first four bytes of the file."""
    try:
        with Content(source) as content:
            start = content.at(0, 4)
            read = _READERS.get(start)
            layout = read(content) if read else None
            if layout and holds_surround(content, layout):
                layout = layout._replace(subtype="", is_odd=True)
    except OSError:  # opening the file next raises a clear error
        return None, b""
    return layout, start


def open_pcm(source: Path | bytes, layout: PcmLayout) -> soundfile.SoundFile:
    """Open the samples of a layout as an audio file of its container."""
    import soundfile

    class PcmFile(soundfile.SoundFile):
        format = layout.container

        def close(self) -> None:
            super().close()
            samples.close()

    samples = _Samples(source, layout)
    return PcmFile(
        samples,
        samplerate=layout.sample_rate,
        channels=layout.channels,
        format="RAW",
        subtype=layout.subtype,
        endian="BIG" if layout.is_big_endian else "LITTLE",
    )


class _Samples(io.RawIOBase):
    """The bytes of the samples, one part after the other, each without the rest of a sample that was cut off."""

    def __init__(self, source: Path | bytes, layout: PcmLayout) -> None:
        self._parts = [(at, size - size % layout.bytes_per_frame) for at, size in layout.parts]
        self._starts, self._size = [], 0
        for _, size in self._parts:
            self._starts.append(self._size)
            self._size += size
        self._position = 0
        self._file: io.FileIO | io.BytesIO | RangedFile
        if is_remote(source):
            self._file = RangedFile(source)
        else:
            self._file = io.FileIO(source) if isinstance(source, Path) else io.BytesIO(source)

    def readable(self) -> bool:
        """As io.RawIOBase has it."""
        return True

    def seekable(self) -> bool:
        """As io.RawIOBase has it."""
        return True

    def tell(self) -> int:
        """As io.RawIOBase has it."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As io.RawIOBase has it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As io.RawIOBase has it, but as many bytes as there are."""
        view, done = memoryview(buffer).cast("B"), 0
        while done < len(view) and self._position < self._size:
            part = bisect_right(self._starts, self._position) - 1
            inside = self._position - self._starts[part]
            at, size = self._parts[part]
            self._file.seek(at + inside)
            read = self._file.readinto(view[done : done + size - inside])
            if not read:
                break
            done += read
            self._position += read
        return done

    def close(self) -> None:
        """As io.RawIOBase has it."""
        if not self.closed:
            self._file.close()
        super().close()
