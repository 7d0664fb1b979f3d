"""A file that is named like a sound but is none is named for what it is, with what to do."""

import gzip
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest

from audiotag.audio.reading import read_header, read_sound
from audiotag.audio.wrong_files import WHOLE_BYTES, describe_wrong_file
from audiotag.errors import AudiotagError

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4" * 64 + b"\nsize 12345\n"
HTML = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"
S3 = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>No</Message></Error>'


def zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.txt", "a")
    return buffer.getvalue()


def tar_bytes() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("a.txt"))
    return buffer.getvalue()


def npy_bytes() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(5))
    return buffer.getvalue()


WRONG = {
    "Git LFS": (LFS, "is a Git LFS pointer, not the sound itself; run git lfs pull in its repository."),
    "git-annex": (b"/annex/objects/SHA256E-s1--2.wav\n", "is a git-annex pointer, not the sound itself; run git annex"),
    "HTML": (HTML, "is a web page (HTML), as a server sends it in place of a file, not a sound; download it again."),
    "HTML, capitals": (HTML.upper(), "is a web page (HTML)"),
    "HTML in UTF-16": (b"\xff\xfe" + HTML.decode().encode("utf-16-le"), "is a web page (HTML)"),
    "XHTML": (b'<?xml version="1.0"?>' + HTML, "is a web page (HTML)"),
    "XML": (S3, "is an XML text, as a server sends it in place of a file, not a sound; download it again."),
    "JSON": (b'{"error": "not found", "status": 404}', "is a JSON text, as a server sends it in place of a file"),
    "JSON list": (json.dumps([{"a": number} for number in range(9000)]).encode(), "is a JSON text"),
    "text": (b"Dear sir, this is a letter. " * 50, "cannot be read as a sound: it is a text; leave it out."),
    "text in Latin-1": ("Un fichier effacé, hélas. ".encode("latin-1") * 9, "cannot be read as a sound: it is a text"),
    "CSV": (b"fname,label\na.wav,dog\nb.wav,cat\n", "cannot be read as a sound: it is a table (text in columns"),
    "TSV": (b"fname\tlabel\na.wav\tdog\nb.wav\tcat\n", "cannot be read as a sound: it is a table"),
    "zeros": (bytes(5000), "holds nothing but zeros (5,000 bytes), as an interrupted copy or download leaves it; copy"),
    "zeros first": (bytes(1 << 17) + b"x" * 50, "begins with zeros where its header should be, as an interrupted"),
    "ZIP": (zip_bytes(), "is a ZIP archive, not a sound; unpack it, and use the sounds in it."),
    "gzip": (gzip.compress(b"a" * 100), "is a gzip archive"),
    "tar": (tar_bytes(), "is a tar archive"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(40), "is a 7z archive"),
    "RAR": (b"Rar!\x1a\x07\x01\x00" + bytes(40), "is a RAR archive"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "is a PDF document, not a sound; leave it out."),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(40), "is an image (PNG), not a sound"),
    "JPEG": (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(40), "is an image (JPEG)"),
    "WebP": (b"RIFF\x40\0\0\0WEBPVP8 " + bytes(56), "is an image (WebP)"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', "is an image (SVG)"),
    "MIDI": (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk" + bytes(20), "is a MIDI file, which holds notes and no sound; render"),
    "MIDI in RIFF": (b"RIFF\x40\0\0\0RMIDdata" + bytes(56), "is a MIDI file"),
    "AppleDouble": (b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(400), "is a file of macOS with notes about another"),
    "DS_Store": (b"\0\0\0\1Bud1" + bytes(400), "is a folder's settings of macOS"),
    "playlist": (b"#EXTM3U\n#EXTINF:1,a\na.mp3\n", "is a playlist (M3U), not a sound; use the files that it names."),
    "NumPy": (npy_bytes(), "is a NumPy array, not a sound; write it as WAV."),
    "shortcut": (b"[InternetShortcut]\r\nURL=https://example.org\r\n", "is a shortcut to a web page"),
    "program": (b"\x7fELF" + bytes(80), "is a program of Linux"),
}


@pytest.mark.parametrize("suffix", ["wav", "mp3", "ogg"])
@pytest.mark.parametrize(("content", "what"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_no_sound_is_named_for_what_it_is(
    tmp_path: Path, content: bytes, what: str, suffix: str
) -> None:
    path = tmp_path / f"dog.{suffix}"
    path.write_bytes(content)
    with pytest.raises(AudiotagError) as error:
        read_header(path)
    assert str(error.value).startswith(f"dog.{suffix} {what}")
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("name", ["Git LFS", "HTML", "zeros", "text"])
def test_every_reader_says_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / "dog.wav"
    path.write_bytes(WRONG[name][0])
    messages = []
    for read in (
        lambda: read_sound(path),
        lambda: read_sound(path, isolated=True),
        lambda: read_sound(path.read_bytes(), name="dog.wav"),
    ):
        with pytest.raises(AudiotagError) as error:
            read()
        messages.append(str(error.value))
    assert len(set(messages)) == 1


def test_zeros_of_a_large_file_are_sampled(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        file.truncate(40 * WHOLE_BYTES)
    assert describe_wrong_file(path).startswith("holds nothing but zeros (671,088,640 bytes)")
    with path.open("r+b") as file:
        file.seek(-4096, 2)
        file.write(b"x")
    assert describe_wrong_file(path).startswith("begins with zeros")


@pytest.mark.parametrize("suffix", ["crdownload", "part"])
def test_an_unfinished_download_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.wav.{suffix}"
    path.write_bytes(b"\x81\x02\xfe" * 500)
    assert describe_wrong_file(path) == "is an unfinished download; wait until it is done, or download it again"


def test_a_protected_song_is_named(tmp_path: Path) -> None:
    path = tmp_path / "song.m4p"
    with av.open(str(path), "w", format="ipod") as file:
        stream = file.add_stream("aac", rate=44_100, layout="mono")
        for part in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44_100, 1024 * part
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    content = path.read_bytes()
    at = content.index(b"mp4a", content.index(b"stsd"))
    path.write_bytes(content[:at] + b"drms" + content[at + 4 :])
    with pytest.raises(AudiotagError, match=r"^song\.m4p is copy-protected \(DRM\), so that only"):
        read_header(path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "gone.wav").symlink_to("../sounds/dog.wav")
    (tmp_path / "annex.wav").symlink_to("../.git/annex/objects/aa/bb/dog.wav")
    messages = {
        "folder.wav": "is a folder, not a sound; open it as a dataset, or leave it out.",
        "gone.wav": "is a link to ../sounds/dog.wav, which does not exist; copy the file itself.",
        "annex.wav": "is a git-annex link to a sound that is not here; run git annex get in its repository.",
    }
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.wav")
        messages["pipe.wav"] = "is not a regular file; copy the sound into one."
    for name, what in messages.items():
        with pytest.raises(AudiotagError) as error:
            read_header(tmp_path / name)
        assert str(error.value) == f"{name} {what}"


def test_damaged_sounds_are_not_taken_for_something_else() -> None:
    rng = np.random.default_rng(0)
    for start in (b"RIFF", b"OggS", b"fLaC", b"\xff\xfb", b"ID3\3", b"\0\0\0\x18ftypM4A ", b"FORM", b".snd"):
        assert describe_wrong_file(start + rng.bytes(3000)) == ""
