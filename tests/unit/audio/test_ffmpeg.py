"""Formats that FFmpeg decodes are read as they were written, and detected by their content and not by their name."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from audiotag.audio.containers import detect_container
from audiotag.audio.levels import rms_dbfs
from audiotag.audio.reading import read_crop, read_header, read_sound
from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset

from .ffmpeg_formats import ADTS, BITS, FORMATS, LOSSLESS, M4A, MKV, MOV, WEBM, WMA, Format, Tone, mono, noise, write


@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize("duration_s", [0.3, 1.0])
def test_a_tone_has_its_level_length_and_frequency_after_reading(
    tmp_path: Path, tone: Tone, frequency_of: Callable, form: Format, duration_s: float
) -> None:
    path = write(tmp_path / f"tone.{form.suffix}", form, mono(form, tone, duration_s))
    sound = read_sound(path)
    header = read_header(path)
    assert (header.container, header.codec, header.bits) == (form.container, form.codec, BITS.get(form.codec))
    assert (header.sample_rate, header.channels) == (form.rate, 1)
    assert sound.header == header
    assert sound.notes == ()
    assert sound.waveform.dtype == np.float32
    # The first frame of an encoder is priming and its last is padded; ADTS and AVI cannot declare that.
    assert header.frames == pytest.approx(len(sound.waveform), abs=2 * form.frame if form == WMA else form.frame)
    assert header.duration_s == pytest.approx(duration_s, abs=2 * form.frame / form.rate)
    middle = sound.waveform[len(sound.waveform) // 4 : -len(sound.waveform) // 4]
    assert rms_dbfs(middle) == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=form.level_tolerance_db)
    assert frequency_of(middle, form.rate) == pytest.approx(1000, abs=0.5)


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_an_upload_is_read_like_the_file(tmp_path: Path, form: Format) -> None:
    path = write(tmp_path / f"noise.{form.suffix}", form, noise(form))
    upload = read_sound(path.read_bytes(), name="noise")
    np.testing.assert_array_equal(upload.waveform, read_sound(path).waveform)
    assert read_header(path.read_bytes()) == read_header(path) == upload.header


@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize("late", [0, 5000])
def test_a_crop_is_a_slice_of_the_whole_sound(tmp_path: Path, form: Format, late: int) -> None:
    path = write(tmp_path / f"noise.{form.suffix}", form, noise(form, channels=min(2, form.rate // 8000)), late=late)
    whole = read_sound(path).waveform
    for start in [*range(0, len(whole), 9973), len(whole) - 1, len(whole), len(whole) + 10]:
        np.testing.assert_array_equal(read_crop(path, start, 5000), whole[start : start + 5000])


@pytest.mark.parametrize("form", LOSSLESS, ids=str)
def test_lossless_samples_are_read_as_they_were_written(tmp_path: Path, form: Format) -> None:
    samples = noise(form)
    sound = read_sound(write(tmp_path / f"noise.{form.suffix}", form, samples))
    np.testing.assert_allclose(sound.waveform, samples[0], atol=2.0 ** -(BITS[form.codec] - 1))


@pytest.mark.parametrize(
    ("encoder", "codec", "step"),
    [
        ("pcm_u8", "PCM_U8", 2**-7),
        ("pcm_s16be", "PCM_16", 2**-15),
        ("pcm_s24be", "PCM_24", 2**-23),
        ("pcm_s32le", "PCM_32", 2**-24),
        ("pcm_f32be", "FLOAT", 1e-9),
        ("pcm_f64le", "DOUBLE", 1e-9),
        ("pcm_mulaw", "ULAW", 2**-5),
    ],
)
def test_stored_samples_are_read_within_one_quantisation_step(
    tmp_path: Path, encoder: str, codec: str, step: float
) -> None:
    form = Format("mov", "mov", encoder, "MOV", codec)
    samples = np.float32(noise(form, 0.5, channels=2))
    path = write(tmp_path / "noise.mov", form, samples)
    np.testing.assert_allclose(read_sound(path).waveform, samples.mean(axis=0), atol=step)
    assert read_header(path).codec == codec
    assert read_header(path).bits in (8, 16, 24, 32, 64)


@pytest.mark.parametrize("form", [M4A, WEBM, MKV, ADTS, WMA], ids=str)
def test_stereo_is_mixed_to_the_mean_of_its_channels(
    tmp_path: Path, tone: Tone, frequency_of: Callable, form: Format
) -> None:
    left, right = mono(form, tone, 1.0, 1000)[0], mono(form, tone, 1.0, 3000)[0]
    sound = read_sound(write(tmp_path / f"two.{form.suffix}", form, np.stack([left, 0.1 * right])))
    assert sound.header.channels == 2
    assert rms_dbfs(sound.waveform[form.rate // 4 : form.rate // 2]) == pytest.approx(-9.03 - 6.02 + 0.04, abs=1)
    assert frequency_of(sound.waveform, form.rate) == pytest.approx(1000, abs=0.5)


def test_six_channels_are_mixed_to_their_mean(tmp_path: Path) -> None:
    form = Format("mov", "mov", "pcm_f32le", "MOV", "FLOAT")
    samples = noise(form, 0.3, channels=6)
    sound = read_sound(write(tmp_path / "six.mov", form, samples))
    np.testing.assert_allclose(sound.waveform, samples.mean(axis=0), atol=1e-6)
    assert sound.notes == ("six.mov has 6 channels; their mean is used.",)


@pytest.mark.parametrize(
    ("form", "channels", "tolerance"),
    [
        (M4A, 8, 0.15),
        (M4A, 16, 0.15),
        (Format("m4a", "ipod", "alac", "MP4", "ALAC_24", layout="7.1(wide)"), 8, 1e-6),
        (WEBM, 8, 0.05),
        (Format("mkv", "matroska", "flac", "MATROSKA", "FLAC_16"), 8, 2e-5),
    ],
    ids=str,
)  # a decoder that keeps its channels apart gives a plane per channel: PyAV reads past the eighth
def test_eight_channels_and_more_are_mixed_to_their_mean(
    tmp_path: Path, form: Format, channels: int, tolerance: float
) -> None:
    sine = np.sin(2 * np.pi * 80 * np.arange(form.rate) / form.rate)  # also the channel for low frequencies has it
    samples = np.linspace(0.1, 0.5, channels)[:, None] * sine
    path = write(tmp_path / f"many.{form.suffix}", form, samples)
    sound = read_sound(path)
    assert sound.header.channels == channels
    assert f"many.{form.suffix} has {channels} channels; their mean is used." in sound.notes
    middle = slice(form.rate // 4, form.rate // 2)
    np.testing.assert_allclose(sound.waveform[middle], 0.3 * sine[middle], atol=tolerance)
    np.testing.assert_array_equal(read_crop(path, 5000, 700), sound.waveform[5000:5700])


def test_vorbis_in_matroska_with_eight_channels_is_read(tmp_path: Path) -> None:
    import soundfile

    samples = np.stack([0.04 * np.sin(np.arange(44_100) / (10 + channel)) for channel in range(8)])
    soundfile.write(tmp_path / "many.ogg", samples.T, 44_100)
    with av.open(tmp_path / "many.ogg") as ogg, av.open(tmp_path / "many.mkv", "w") as file:
        stream = file.add_stream_from_template(ogg.streams.audio[0])
        for packet in ogg.demux(ogg.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    sound = read_sound(tmp_path / "many.mkv")
    assert (sound.header.codec, sound.header.channels) == ("VORBIS", 8)
    expected = samples.mean(axis=0)[: len(sound.waveform)]
    assert np.abs(sound.waveform - expected).max() < 0.02


def test_the_surround_sound_of_a_film_is_read(shared: Path) -> None:
    path = shared / "cases/sounds/surround_71.m4a"
    sound = read_sound(path)
    assert (sound.header.channels, sound.duration_s) == (8, 2.0)
    assert sound.notes == ("surround_71.m4a has 8 channels; their mean is used.",)
    assert 0.01 < np.abs(sound.waveform).max() < 1


@pytest.mark.parametrize(("form", "priming"), [(M4A, 0), (MKV, 0), (WEBM, 0), (ADTS, 1024)], ids=str)
def test_priming_is_left_out_if_the_container_declares_it(tmp_path: Path, form: Format, priming: int) -> None:
    samples = noise(form, 1.0)[0]
    decoded = read_sound(write(tmp_path / f"noise.{form.suffix}", form, samples[None])).waveform
    size = 1 << 18
    match = np.fft.irfft(np.fft.rfft(decoded, size) * np.fft.rfft(samples, size).conj())
    assert match.argmax() == priming


def test_an_mp4_has_the_length_of_its_sound_and_not_of_its_codec_frames(tmp_path: Path, tone: Tone) -> None:
    for duration_s in (0.3, 1.0, 1.003):
        path = write(tmp_path / f"{duration_s}.m4a", M4A, mono(M4A, tone, duration_s))
        frames = round(duration_s * M4A.rate)
        assert (len(read_sound(path).waveform), read_header(path).frames) == (frames, frames)


def test_a_sound_is_resampled_to_the_requested_rate(tmp_path: Path, tone: Tone, frequency_of: Callable) -> None:
    sound = read_sound(write(tmp_path / "tone.webm", WEBM, mono(WEBM, tone)), 44_100)
    assert (sound.sample_rate, len(sound.waveform)) == (44_100, 2 * 44_100)
    assert frequency_of(sound.waveform, 44_100) == pytest.approx(1000, abs=0.5)


@pytest.mark.parametrize("form", [M4A, ADTS, WEBM, MKV, WMA, MOV], ids=str)
@pytest.mark.parametrize("name", ["clip.wav", "clip.mp3", "clip", "clip.flac"])
def test_the_content_decides_the_format_and_not_the_name(tmp_path: Path, tone: Tone, form: Format, name: str) -> None:
    path = write(tmp_path / name, form, mono(form, tone, 0.5))
    assert read_header(path).container == form.container
    assert read_sound(path.read_bytes(), name=name).header.container == form.container


def test_an_aac_stream_with_an_id3_tag_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "noise.aac", ADTS, noise(ADTS))
    tagged = b"ID3\x03\0\0\0\0\x07\x76" + bytes(1014) + path.read_bytes()
    np.testing.assert_array_equal(read_sound(tagged).waveform, read_sound(path).waveform)
    assert read_header(tagged) == read_header(path)


def test_a_stream_that_changes_from_stereo_to_mono_keeps_its_level(tmp_path: Path, tone: Tone) -> None:
    one = mono(ADTS, tone, 1.0)
    two = write(tmp_path / "two.aac", ADTS, np.concatenate([one, one])).read_bytes()
    sound = read_sound(two + write(tmp_path / "one.aac", ADTS, one).read_bytes())
    assert sound.notes == ()
    for second in (0.5, 1.5):
        part = sound.waveform[int((second - 0.2) * ADTS.rate) : int((second + 0.2) * ADTS.rate)]
        assert rms_dbfs(part) == pytest.approx(-9.03, abs=1)


def test_a_stream_that_changes_its_sample_rate_is_read_at_the_first_one(
    tmp_path: Path, tone: Tone, frequency_of: Callable
) -> None:
    other = Format("aac", "adts", "aac", "ADTS", "AAC", rate=48_000)
    parts = [write(tmp_path / f"{form.rate}.aac", form, mono(form, tone, 1.0)).read_bytes() for form in (ADTS, other)]
    sound = read_sound(b"".join(parts), name="radio")
    assert read_header(b"".join(parts), "radio").frames == len(sound.waveform)
    assert sound.duration_s == pytest.approx(2.0, abs=4 * 1024 / 44_100)
    assert frequency_of(sound.waveform[-30_000:-3000], ADTS.rate) == pytest.approx(1000, abs=0.5)
    assert sound.notes == ("radio changes its sample rate; all of it is used at 44100 Hz.",)


def test_of_several_sound_tracks_the_first_is_read_with_a_note(tmp_path: Path, frequency_of: Callable) -> None:
    tracks = [0.5 * np.sin(2 * np.pi * hz * np.arange(MKV.rate) / MKV.rate)[None] for hz in (1000, 2000, 3000)]
    sound = read_sound(write(tmp_path / "film.mkv", MKV, *tracks))
    assert sound.notes == ("film.mkv has 3 sound tracks; the first is used.",)
    assert frequency_of(sound.waveform, MKV.rate) == pytest.approx(1000, abs=0.5)


def test_reading_does_not_change_the_file(tmp_path: Path, contents: Callable) -> None:
    paths = [write(tmp_path / f"{at}.{form.suffix}", form, noise(form, 0.5)) for at, form in enumerate(FORMATS)]
    before = contents(tmp_path)
    for path in paths:
        read_header(path)
        read_sound(path, 8000)
        read_crop(path, 1000, 1000)
    assert contents(tmp_path) == before


def test_a_folder_of_recordings_from_phones_and_browsers_is_a_dataset(tmp_path: Path, tone: Tone) -> None:
    forms = [M4A, ADTS, WEBM, MKV, MOV, WMA]
    for form in forms:
        write(tmp_path / f"clip.{form.suffix}", form, mono(form, tone, 1.0))
    (tmp_path / "broken.mp4").write_bytes(bytes(4) + b"ftypisom" + bytes(100))
    index = scan(open_dataset(tmp_path)).set_index("clip").sort_index()
    assert set(index.index) == {f"clip.{form.suffix}" for form in forms} | {"broken.mp4"}
    assert index.loc["broken.mp4", "error"].startswith("broken.mp4 cannot be read as a sound")
    for form in forms:
        row = index.loc[f"clip.{form.suffix}"]
        assert (row["container"], row["codec"], row["sample_rate"]) == (form.container, form.codec, form.rate)
        assert row["duration_s"] == pytest.approx(1.0, abs=2 * form.frame / form.rate)


def test_an_old_quicktime_file_without_a_brand_is_detected_by_its_boxes(tmp_path: Path) -> None:
    content = write(tmp_path / "noise.mov", MOV, noise(MOV, 0.5)).read_bytes()
    size = int.from_bytes(content[:4], "big")
    # The table holds positions from the start of the file, so the box that replaces the brand has the same size.
    old = content[:4] + b"skip" + bytes(size - 8) + content[size:]
    assert detect_container(old) == "MOV"
    np.testing.assert_array_equal(read_sound(old).waveform, read_sound(content).waveform)


def test_ffmpeg_is_never_loaded_in_the_process_that_reads(tmp_path: Path, tone: Tone) -> None:
    import soundfile

    for suffix in ("wav", "flac", "ogg", "mp3"):
        soundfile.write(tmp_path / f"tone.{suffix}", tone(), 44_100)
    soundfile.write(tmp_path / "tone.opus", tone(sample_rate=48_000), 48_000, format="OGG", subtype="OPUS")
    write(tmp_path / "tone.m4a", M4A, mono(M4A, tone))
    code = f"""
import sys
from pathlib import Path
from audiotag.audio.reading import read_crop, read_header, read_sound
for path in Path({str(tmp_path)!r}).iterdir():
    read_header(path), read_sound(path), read_crop(path, 100, 100)
assert "av" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_frames_may_change_their_channel_layout_and_rate_whatever_their_number_of_channels() -> None:
    import av

    from audiotag.audio.ffmpeg_track import FrameConverter

    converter, values = FrameConverter(8), np.linspace(-0.5, 0.5, 512, dtype=np.float32).reshape(1, -1)
    for layout, rate in (("7.1", 48_000), ("octagonal", 48_000), ("octagonal", 44_100)):
        packed = av.AudioFrame.from_ndarray(values, format="flt", layout=layout)
        packed.sample_rate = rate
        (planar,) = av.AudioResampler(format="fltp", layout=layout, rate=rate).resample(packed)
        np.testing.assert_allclose(converter.convert(planar), values.reshape(64, 8), atol=1e-6)
