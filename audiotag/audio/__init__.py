"""Read audio files of any common format into mono waveforms.

Read the modules in this order:

- `header`: `Header` and `Sound`, the results of reading a file;
- `containers`: what the bytes of a container say about its format and its length;
- `signatures`: the containers that only FFmpeg reads, by their first bytes;
- `byte_ranges`, `ogg_pages`, `mp3_frames` and `flac_frames`: what the structure of a file tells about its length;
- `parts`: from it, how the file is decoded, and whether libsndfile reads all of it;
- `limits`: what no sound can be, and the sentences that say so;
- `decoder_workers` and `isolation`: decoding a file in another process, which it may crash;
- `opening`: opening a file with the library that can decode it: libsndfile here, FFmpeg in another process;
- `decoding`: decoding an open file block by block, and reporting what is wrong with it;
- `streaming`: reading a sound of any length in constant memory;
- `plain_headers`: the headers of the most common files, without a decoder;
- `reading`: `read_header`, `read_sound` and `read_crop`;
- `ffmpeg`, `ffmpeg_track`, `rates` and `decoder_process`: what runs in the other process;
- `levels`: peak and RMS levels of a waveform;
- `recording_time`: when a recording began, by its metadata or its name.
"""
