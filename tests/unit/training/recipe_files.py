"""A recipe of the user's, as a file."""

from pathlib import Path

GOOD = """
title = "Mine"
about = "For tests."
preset = "argus"
folds = 3
balance = 0.5

[[augment]]
kind = "mask"
axis = "mel"
width = 4

[spectrogram]
n_mels = 64

[network]
width = 0.25

[[stages]]
subset = "noisy"
epochs = 2
lr = 1e-3

[[stages]]
subset = "curated"
epochs = 3
lr = 2e-3
mixup = 0.4
"""


def recipe_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)
