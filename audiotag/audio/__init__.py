"""Read audio files of any common format into mono waveforms.

Read the modules in this order:

- `header`: `Header` and `Sound`, the results of reading a file;
- `containers`: what the bytes of a container say about its format and its length;
- `decoder_workers` and `isolation`: decoding a file in another process, which it may crash;
- `opening`: opening a file with the library that can decode it: libsndfile here, FFmpeg in another process;
- `decoding`: decoding an open file block by block, and reporting what is wrong with it;
- `reading`: `read_header`, `read_sound` and `read_crop`;
- `streaming`: reading a long sound in constant memory;
- `ffmpeg` and `decoder_process`: what runs in the other process;
- `levels`: peak and RMS levels of a waveform.
"""
