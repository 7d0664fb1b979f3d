"""Turn waveforms into log-mel spectrograms, and measure waveforms.

Read the modules in this order:

- `settings`: `SpectrogramSettings`, all settings of the front-end, and the published presets;
- `presets`: the user's own presets in the workspace;
- `mel`: mel scales, windows and the mel filter bank;
- `trimming`: trimming silence, cropping and padding a waveform;
- `log_mel`: the log-mel spectrogram in NumPy, and the network input made from it;
- `kernels`: the compiled FFT and mel sums that `log_mel` uses;
- `torch_log_mel`: the same for batches in torch;
- `inversion`: from a log-mel spectrogram back to a waveform;
- `readouts`: what settings mean in seconds and hertz;
- `accumulators` and `loudness`: measuring a sound block by block;
- `measures`: levels, loudness, bandwidth and faults of a clip.
"""
