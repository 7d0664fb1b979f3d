"""Open an audio file with the library that can decode it: libsndfile, or FFmpeg for all other formats."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, TypeAlias, TypeVar, Union

from audiotag import in_hand
from audiotag.audio.containers import detect_container
from audiotag.audio.header import Source
from audiotag.audio.isolation import IsolatedFile
from audiotag.audio.limits import require_sample_rate
from audiotag.audio.mp3_frames import begins_with_frame, has_free_bit_rate
from audiotag.audio.parts import mp3_kind, reads_all
from audiotag.audio.pcm_file import look_into, open_pcm
from audiotag.audio.wrong_files import describe_wrong_file, describe_wrong_path
from audiotag.errors import AudiotagError
from audiotag.remote.addresses import is_remote
from audiotag.remote.reading import RangedFile, fetched
from audiotag.wording import as_text

if TYPE_CHECKING:
    import soundfile

# Of every format that libsndfile or FFmpeg decodes and recognises by its content. The content decides how a file is
# read; a suffix only decides which files of a folder are sounds.
SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".bw64", ".w64", ".amb", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd",
    ".flac", ".ogg", ".oga", ".ogx", ".opus", ".spx", ".mp3", ".mp2", ".mp1", ".mpa", ".mpga", ".m2a",
    ".m4a", ".m4b", ".m4r", ".f4a", ".aac", ".adts", ".latm", ".loas", ".wma", ".ac3", ".eac3", ".ec3", ".dts",
    ".dtshd", ".thd", ".mlp", ".amr", ".awb", ".ape", ".wv", ".tta", ".tak", ".mpc", ".shn", ".dsf", ".dff", ".qoa",
    ".oma", ".aa3", ".ra", ".voc", ".sox", ".sph", ".nist", ".sf", ".ircam", ".8svx", ".svx", ".avr", ".paf", ".pvf",
    ".wve", ".mka", ".weba", ".webm", ".mkv", ".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".f4v", ".flv", ".avi",
    ".asf", ".wmv", ".ts", ".mts", ".m2ts", ".m2t", ".mpg", ".mpeg", ".vob", ".ogv", ".ogm", ".rm", ".rmvb", ".mxf",
)  # fmt: skip
READABLE = "WAV, FLAC, OGG, MP3, M4A, AAC, Opus, AIFF, WebM and the sound of videos"
LIBSNDFILE_SYSTEM_ERROR = 2  # what the system refuses: too many open files, an unreadable disk
MAX_LIBSNDFILE_NAME_BYTES = 1000  # it refuses names from 1024 on; a longer one is opened here, and closed by it
GUESSED_SUFFIXES = (b".mp3", b".au", b".snd")  # any file named like this is noise or mu-law to libsndfile
EMPTY_ID3_TAG = b"ID3\x04\0\0\0\0\0\x14" + b"TSSE\0\0\0\x0a\0\0\x03audiotag\0"
MEANINGLESS_REASONS = ("bad resource fork", "bad data offset", "bad data length")  # of libsndfile, for any content
MISCOUNTED_IN_WAV = ("MPEG_LAYER_III", "GSM610")  # libsndfile guesses their length, and decodes padding
OpenFile: TypeAlias = Union["soundfile.SoundFile", IsolatedFile]
Decoder = TypeVar("Decoder")


def source_name(source: Source) -> str:
    """The name that messages use for a sound without a name of its own."""
    return as_text(source.name) if isinstance(source, Path) else "the upload"


@contextmanager
def open_audio(source: Source, name: str, isolated: bool = False) -> Iterator[OpenFile]:
    """Open an audio file for decoding.

    The file is noted as in hand (see `audiotag.in_hand`) until it is closed.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one. Its content decides how it is decoded, not its name.
    name : str
        The name that messages use for the sound.
    isolated : bool
        Decode in another process, whatever the format, as is done for a file that was in hand when an earlier process
        died. By default only FFmpeg does: libsndfile has never crashed.

    Raises
    ------
    AudiotagError
        If the file is missing, empty, not an audio file or of a sample rate that no sound has; also if libsndfile fails
        while it decodes the file.
    """
    import soundfile

    with in_hand.hold(source) as is_suspect, fetched(source) as local, ExitStack() as closing:
        require_file(local, name)
        file = closing.enter_context(_open(local, name, isolated or is_suspect))
        require_sample_rate(name, file.samplerate)
        try:
            yield file
        except soundfile.LibsndfileError as error:
            raise unreadable_error(name, error) from error


def require_file(source: Source, name: str) -> None:
    """Raise `AudiotagError` if a source is missing, empty, no file, or one that must not be read."""
    if is_remote(source):  # a long one, which was fetched in part
        return
    if isinstance(source, Path):
        try:
            stat = os.stat(source)
        except (OSError, ValueError):
            stat = None
        if stat is None or not S_ISREG(stat.st_mode):
            if wrong := describe_wrong_path(source):
                raise AudiotagError(f"{name} {wrong}.")
            where = "" if name == str(source) else f" (looked for {source})"
            raise AudiotagError(f"{name} does not exist{where}.")
        if not os.access(source, os.R_OK):
            raise AudiotagError(f"{name} cannot be opened: its permissions forbid it; change them, or copy the file.")
        if source.suffix.lower() == ".raw":
            raise AudiotagError(f"{name} is a raw audio file without sample rate and format; convert it to WAV.")
        size = stat.st_size
    else:
        size = len(source)
    if size == 0:
        raise AudiotagError(f"{name} is empty (0 bytes); copy or record it again.")


def _open(source: Source, name: str, isolated: bool) -> OpenFile:
    try:
        return IsolatedFile(source, "", name) if isolated else open_with_library(source, name, IsolatedFile)
    except AudiotagError as error:
        if not error.may_pass and (what := describe_wrong_file(source)):
            raise AudiotagError(f"{name} {what}.") from error
        raise


def open_with_library(
    source: Source, name: str, ffmpeg: Callable[[Source, str, str], Decoder]
) -> soundfile.SoundFile | Decoder:
    """Open a file with libsndfile if it can read the format and all of the file, else with FFmpeg.

    Parameters
    ----------
    source : Path or bytes
    name : str
        The name that messages use for the sound.
    ffmpeg : callable
        Opens a file with FFmpeg by source, container and name.
    """
    import soundfile

    layout, start = look_into(source)
    if layout and layout.is_odd and not layout.subtype:
        return ffmpeg(source, layout.container, name)
    may_be_mp3 = layout is None and (begins_with_frame(start) or start.startswith(b"ID3"))
    if may_be_mp3 and not has_free_bit_rate(start):
        container = detect_container(source) or "MP3"
        # libsndfile warns on the terminal of an MP3 that is not plain.
        kind = mp3_kind(source) if container == "MP3" else ""
        if container == "MP3" and not kind:
            raise unrecognised_error(name)
        if container != "FLAC" and kind != "plain":
            return ffmpeg(source, container, name)
    try:
        if layout and layout.is_odd:
            return open_pcm(source, layout)
        file = soundfile.SoundFile(_openable(source, may_be_mp3))
    except soundfile.LibsndfileError as error:
        container = layout.container if layout else detect_container(source) or ("MP3" if mp3_kind(source) else "")
        if container:
            return ffmpeg(source, container, name)
        raise unreadable_error(name, error) from error
    if layout and file.subtype in MISCOUNTED_IN_WAV and file.format in ("WAV", "WAVEX"):
        file.close()
        return ffmpeg(source, layout.container, name)
    # libsndfile takes any file named .mp3 for an MP3 and decodes it to noise; in the same way .au and .snd for mu-law.
    if file.format == "MP3" and (container := detect_container(source)):
        file.close()
        return ffmpeg(source, container, name)
    if file.format == "RAW" and file.subtype == "ULAW":
        file.close()
        if container := detect_container(source):
            return ffmpeg(source, container, name)
        raise unrecognised_error(name)
    if not reads_all(file, source):
        kind = file.format
        file.close()
        return ffmpeg(source, kind, name)
    if file.format == "FLAC":  # libsndfile stops where it is damaged
        file.open_with_ffmpeg = partial(ffmpeg, source, "FLAC", name)
    return file


def _openable(source: Source, may_be_mp3: bool) -> str | bytes | int | io.BytesIO | RangedFile:
    """What libsndfile opens: it takes bytes where a name is not valid UTF-8, and no long names at all.

    It takes any file with some suffixes for what they say, so these are hidden from it. It refuses an MP3 from memory
    that begins with a frame, but not with a tag before it.
    """
    if isinstance(source, bytes):
        return io.BytesIO(EMPTY_ID3_TAG + source if may_be_mp3 and not source.startswith(b"ID3") else source)
    if is_remote(source):
        return RangedFile(source)
    if os.name == "nt":
        return str(source)
    name = os.fsencode(source)
    is_hidden = len(name) >= MAX_LIBSNDFILE_NAME_BYTES or (not may_be_mp3 and name.lower().endswith(GUESSED_SUFFIXES))
    return os.open(source, os.O_RDONLY) if is_hidden else name


def unrecognised_error(name: str) -> AudiotagError:
    """What is said of a file that is of no known format."""
    return AudiotagError(f"{name} cannot be read as a sound ({READABLE} can): Format not recognised.")


def unreadable_error(name: str, error: soundfile.LibsndfileError) -> AudiotagError:
    """What a failure of libsndfile means for a file."""
    reason = error.error_string.removeprefix("Error : ").rstrip(".")
    if "does not exist" in reason:  # libsndfile's message for an MP3 without a frame, although the file exists
        reason = "it is damaged, or its suffix does not match its format"
    elif reason.startswith(MEANINGLESS_REASONS):
        reason = "Format not recognised"
    is_refused = error.code == LIBSNDFILE_SYSTEM_ERROR
    return AudiotagError(f"{name} cannot be read as a sound ({READABLE} can): {reason}.", may_pass=is_refused)
