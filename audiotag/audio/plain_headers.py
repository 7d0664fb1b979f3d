"""Read the headers of the most common files without a decoder, which takes longer to open them than all the rest.

Only where the bytes of a file tell its whole length: a WAV whose sizes are right, an MP3 whose frames were counted, and
an Ogg Vorbis of one stream without a damaged page. The results are those of the decoders.
"""

from __future__ import annotations

from audiotag.audio.header import Header, Source
from audiotag.audio.mp3_frames import begins_with_frame, read_frames
from audiotag.audio.ogg_pages import MAGIC, read_pages
from audiotag.audio.pcm_file import look_into
from audiotag.audio.pcm_layout import PcmLayout


def read_plain_header(source: Source) -> Header | None:
    """The header of a whole WAV, MP3 or Ogg Vorbis; None for any other file."""
    layout, start = look_into(source)
    if layout:
        return _of_wav(layout)
    if start == MAGIC:
        return _of_vorbis(source)
    if begins_with_frame(start) or start.startswith(b"ID3"):
        return _of_mp3(source)
    return None


def _of_wav(layout: PcmLayout) -> Header | None:
    if layout.is_odd or not layout.subtype or layout.container not in ("WAV", "WAVEX"):
        return None
    ((_, size),) = layout.parts
    if size < layout.bytes_per_frame or size < layout.stated_bytes:
        return None
    frames = size // layout.bytes_per_frame
    return Header(frames, layout.sample_rate, layout.channels, layout.container, layout.subtype)


def _of_vorbis(source: Source) -> Header | None:
    ogg = read_pages(source)
    if not ogg.is_plain or ogg.is_cut:
        return None
    (sound,) = ogg.links[0].sounds
    if sound.codec != "VORBIS" or not sound.frames or not sound.rate or not sound.channels:
        return None
    return Header(sound.frames, sound.rate, sound.channels, "OGG", "VORBIS")


def _of_mp3(source: Source) -> Header | None:
    mp3 = read_frames(source)
    if not mp3.is_plain:
        return None
    (part,) = mp3.parts
    codec = ("MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")[part.layer - 1]
    return Header(part.length, part.rate, part.channels, "MP3", codec) if part.length else None
