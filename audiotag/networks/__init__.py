"""Networks that map a network input, the normalised log-mel spectrogram of one window, to one logit per label.

Read `base` first: it has the interface and the registry. Every other module or subpackage is one network; `xresnet` is
the default.
"""
