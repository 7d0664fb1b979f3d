"""Say what a file is that is named like a sound but is none, and what to do about it.

A sentence goes on after the name of the file. Only files that no decoder opens are looked at.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from audiotag.audio.byte_ranges import open_source
from audiotag.audio.header import Source
from audiotag.wording import as_text, shortened

START_BYTES = 1 << 16
SAMPLED_PLACES = 64  # of a file of zeros: reading all of a large one would take too long
SAMPLED_BYTES = 4096
WHOLE_BYTES = 1 << 24  # a smaller file is read as a whole
TEXT_CONTROLS = b"\t\n\r\f\x1b"
PARTIAL_SUFFIXES = (".crdownload", ".part", ".partial", ".download", ".opdownload", ".!ut", ".aria2")
DOWNLOAD_AGAIN = "download it again"
PROTECTED_TAGS = ("drms", "enca", "aavd")  # in place of the codec in an MP4: iTunes, others, Audible
PROTECTED = "is copy-protected (DRM), so that only the shop's own player can decode it; use a copy without protection"


class Kind(NamedTuple):
    """Files that begin with certain bytes.

    Attributes
    ----------
    start : bytes
    what : str
        What such a file is, and what to do, as words that follow the name of the file.
    at : int
        Position of the bytes in the file.
    """

    start: bytes
    what: str
    at: int = 0


def _archive(name: str) -> str:
    return f"is {name} archive, not a sound; unpack it, and use the sounds in it"


def _other(name: str) -> str:
    return f"is {name}, not a sound; leave it out"


KINDS = (
    Kind(b"version https://git-lfs.github.com/spec/",
         "is a Git LFS pointer, not the sound itself; run git lfs pull in its repository"),
    Kind(b"/annex/objects/", "is a git-annex pointer, not the sound itself; run git annex get in its repository"),
    Kind(b"\x00\x05\x16\x07", "is a file of macOS with notes about another file, not a sound; leave it out"),
    Kind(b"\x00\x05\x16\x00", "is a file of macOS with notes about another file, not a sound; leave it out"),
    Kind(b"\x00\x00\x00\x01Bud1", _other("a folder's settings of macOS (.DS_Store)")),
    Kind(b"PK\x03\x04", _archive("a ZIP")), Kind(b"PK\x05\x06", _archive("an empty ZIP")),
    Kind(b"PK\x07\x08", _archive("a part of a ZIP")),
    Kind(b"\x1f\x8b", _archive("a gzip")), Kind(b"BZh", _archive("a bzip2")), Kind(b"\xfd7zXZ\x00", _archive("an xz")),
    Kind(b"\x28\xb5\x2f\xfd", _archive("a Zstandard")), Kind(b"\x04\x22\x4d\x18", _archive("an LZ4")),
    Kind(b"7z\xbc\xaf\x27\x1c", _archive("a 7z")), Kind(b"Rar!\x1a\x07", _archive("a RAR")),
    Kind(b"ustar", _archive("a tar"), at=257), Kind(b"MSCF", _archive("a CAB")), Kind(b"xar!", _archive("an XAR")),
    Kind(b"%PDF", _other("a PDF document")), Kind(b"{\\rtf", _other("a text document (RTF)")),
    Kind(b"%!PS", _other("a PostScript document")),
    Kind(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _other("a document of Office")),
    Kind(b"\x89PNG\r\n\x1a\n", _other("an image (PNG)")), Kind(b"\xff\xd8\xff", _other("an image (JPEG)")),
    Kind(b"GIF8", _other("an image (GIF)")), Kind(b"II*\x00", _other("an image (TIFF)")),
    Kind(b"MM\x00*", _other("an image (TIFF)")), Kind(b"WEBP", _other("an image (WebP)"), at=8),
    Kind(b"BM", _other("an image (BMP)")), Kind(b"8BPS", _other("an image (Photoshop)")),
    Kind(b"ftyphei", _other("an image (HEIC)"), at=4), Kind(b"ftypavif", _other("an image (AVIF)"), at=4),
    Kind(b"ftypmif1", _other("an image (HEIC)"), at=4), Kind(b"\x00\x00\x01\x00", _other("an icon")),
    Kind(b"MThd", "is a MIDI file, which holds notes and no sound; render it to WAV with a synthesiser"),
    Kind(b"RMID", "is a MIDI file, which holds notes and no sound; render it to WAV with a synthesiser", at=8),
    Kind(b"sfbk", _other("a SoundFont (instruments)"), at=8),
    Kind(b"#EXTM3U", "is a playlist (M3U), not a sound; use the files that it names"),
    Kind(b"[playlist]", "is a playlist (PLS), not a sound; use the files that it names"),
    Kind(b"[InternetShortcut]", "is a shortcut to a web page, not a sound; download what it leads to"),
    Kind(b"L\x00\x00\x00\x01\x14\x02\x00", "is a shortcut of Windows, not a sound; copy the file that it leads to"),
    Kind(b"d8:announce", "is a torrent, not a sound; download what it describes"),
    Kind(b"SQLite format 3\x00", "is a database or an Audacity project, not a sound; export its sound as WAV"),
    Kind(b"\x93NUMPY", "is a NumPy array, not a sound; write it as WAV"), Kind(b"\x89HDF", _other("an HDF5 file")),
    Kind(b"PAR1", "is a Parquet table, not a sound; open it as a dataset"), Kind(b"ARROW1", _other("an Arrow table")),
    Kind(b"\x80\x04\x95", _other("a pickled Python object")), Kind(b"MZ", _other("a program of Windows")),
    Kind(b"\x7fELF", _other("a program of Linux")), Kind(b"\xcf\xfa\xed\xfe", _other("a program of macOS")),
    Kind(b"\xca\xfe\xba\xbe", _other("a program")), Kind(b"\x00asm", _other("a program")),
    Kind(b"bplist", _other("a settings file of macOS")),
)  # fmt: skip
BEGINNINGS_OF_SOUNDS = (
    b"RIFF",
    b"RIFX",
    b"RF64",
    b"BW64",
    b"riff",
    b"FORM",
    b"caff",
    b".snd",
    b"OggS",
    b"fLaC",
    b"ID3",
)
HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--", b"<title", b"<meta")


def describe_wrong_path(path: Path) -> str:
    """What lies at a path that is no file, as words that follow its name; empty if there is nothing or a file.

    Examples
    --------
    >>> describe_wrong_path(Path("/"))
    'is a folder, not a sound; open it as a dataset, or leave it out'
    """
    if path.is_symlink() and not path.exists():
        target = os.readlink(path)
        if ".git/annex/objects" in target.replace("\\", "/"):
            return "is a git-annex link to a sound that is not here; run git annex get in its repository"
        return f"is a link to {shortened(as_text(target))}, which does not exist; copy the file itself"
    if path.is_dir():
        return "is a folder, not a sound; open it as a dataset, or leave it out"
    return "is not a regular file; copy the sound into one" if path.exists() and not path.is_file() else ""


def describe_wrong_file(source: Source) -> str:
    """What a file is that cannot be decoded, as words that follow its name; empty if that is unknown.

    Examples
    --------
    >>> describe_wrong_file(b"MThd" + bytes(10))
    'is a MIDI file, which holds notes and no sound; render it to WAV with a synthesiser'
    >>> describe_wrong_file(b"RIFF")
    ''
    """
    try:
        size = source.stat().st_size if isinstance(source, Path) else len(source)
        start = _read(source, 0, START_BYTES)
        if not any(start):
            return _describe_zeros(source, size)
        for kind in KINDS:
            if start.startswith(kind.start, kind.at) and _is_plausible(kind, start, size):
                return kind.what
        if isinstance(source, Path) and source.suffix.lower() in PARTIAL_SUFFIXES:
            return "is an unfinished download; wait until it is done, or download it again"
        return "" if start.startswith(BEGINNINGS_OF_SOUNDS) else _describe_text(start)
    except OSError:  # the decoder's own message says why it cannot be read
        return ""


def _describe_zeros(source: Source, size: int) -> str:
    """What to say of a file that begins with zeros."""
    if size <= WHOLE_BYTES:
        is_all_zeros = not any(_read(source, 0, size).strip(b"\0"))
    else:
        places = [number * (size - SAMPLED_BYTES) // SAMPLED_PLACES for number in range(SAMPLED_PLACES + 1)]
        is_all_zeros = not any(any(_read(source, place, SAMPLED_BYTES)) for place in places)
    if is_all_zeros:
        return (
            f"holds nothing but zeros ({size:,} bytes), as an interrupted copy or download leaves it; "
            "copy or download it again"
        )
    return "begins with zeros where its header should be, as an interrupted download leaves it; download it again"


def _describe_text(start: bytes) -> str:
    """What a text is; empty for anything else."""
    text = _decode(start)
    if text is None:
        return ""
    text = text.strip("\ufeff \t\r\n")
    lower = text[:2000].lower()
    if "<svg" in lower:
        return _other("an image (SVG)")
    if lower.startswith(tuple(map(bytes.decode, HTML))) or ("<html" in lower and lower.startswith("<")):
        return f"is a web page (HTML), as a server sends it in place of a file, not a sound; {DOWNLOAD_AGAIN}"
    if lower.startswith("<?xml") or re.match(r"<\w[^>]*>", lower):
        return f"is an XML text, as a server sends it in place of a file, not a sound; {DOWNLOAD_AGAIN}"
    if _is_json(text):
        return f"is a JSON text, as a server sends it in place of a file, not a sound; {DOWNLOAD_AGAIN}"
    lines = [line for line in text.splitlines()[:20] if line]
    for separator in ",;\t|":
        counts = {line.count(separator) for line in (lines[:-1] or lines)}
        if len(lines) > 1 and len(counts) == 1 and counts != {0}:
            return "cannot be read as a sound: it is a table (text in columns, as CSV); leave it out"
    return "cannot be read as a sound: it is a text; leave it out" if text else ""


def _decode(start: bytes) -> str | None:
    """Bytes as text; None if they are not text."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if start.startswith(mark):
            return start.decode(encoding, errors="replace")
    if any(byte < 32 and byte not in TEXT_CONTROLS for byte in start) or b"\x7f" in start:
        return None
    try:
        return start.decode()
    except UnicodeDecodeError as error:
        if error.start >= len(start) - 3:  # a character that was cut off
            return start[: error.start].decode()
    return start.decode("cp1252", errors="replace") if _share_of_ascii(start) > 0.8 else None


def _share_of_ascii(start: bytes) -> float:
    return sum(byte < 128 for byte in start) / len(start)


def _is_json(text: str) -> bool:
    if text[:1] not in "{[":
        return False
    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:  # cut off after the first bytes
        return bool(re.match(r'[\[{]\s*("|\{|\[|\d|\}|\])', text))
    return True


def _is_plausible(kind: Kind, start: bytes, size: int) -> bool:
    """Whether what follows a short signature shows that it is not there by chance."""
    if kind.start == b"BM":
        return int.from_bytes(start[2:6], "little") == size
    if kind.start == b"MZ":
        return b"This program" in start[:512] or b"PE\0\0" in start[:4096]
    if kind.start == b"\x00\x00\x01\x00":
        return start[4:6] != b"\0\0" and start[5] == 0 and start[9:10] == b"\0"
    return True


def _read(source: Source, at: int, size: int) -> bytes:
    if isinstance(source, bytes):
        return source[at : at + size]
    with open_source(source) as file:
        file.seek(at)
        return file.read(size)
