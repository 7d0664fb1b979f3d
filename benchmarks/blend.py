"""Do several different small systems together do better than the best of them, and does a stacker add to that?

Three systems with different networks and front-ends are trained on the curated starter sounds with the same folds, for
so few epochs that it takes minutes; they are blended, with stackers, and each step is measured on the test clips:

    python benchmarks/blend.py FOLDER [--epochs N]

All is kept in FOLDER, a workspace; what is there already is not made again. The figures are in docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

FRONT_ENDS = {  # 64 frames of each
    "wide": "sample_rate = 22050\nf_max = 11025.0\nclip_s = 4.0\nn_fft = 2048\nwin_length = 2048\nhop_length = 1378\n"
    "n_mels = 64",
    "short": "sample_rate = 22050\nf_max = 11025.0\nclip_s = 2.0\nn_fft = 1024\nwin_length = 1024\nhop_length = 689\n"
    "n_mels = 64",
    "low": "sample_rate = 8000\nf_max = 4000.0\nclip_s = 3.0\nn_fft = 512\nwin_length = 512\nhop_length = 375\n"
    "n_mels = 48",
}
NETWORKS = {
    "wide": 'depth = 18\nwidth = 0.125\nstem = 8\nactivation = "relu"',
    "short": 'depth = 18\nwidth = 0.125\nstem = 8\nactivation = "relu"\nself_attention = true',
    "low": 'depth = 34\nwidth = 0.125\nstem = 8\nactivation = "relu"',
}
RECIPE = """title = "{name}"
about = "A small system for a blend."
preset = "capstone"
folds = 2
batch_size = 8
optimiser = "adam"
schedule = "one-cycle"

[spectrogram]
{front_end}

[network]
{network}

[[augment]]
kind = "mask"
axis = "mel"
width = 8

[[stages]]
subset = "curated"
epochs = {epochs}
lr = 1e-2
"""


def main() -> None:
    """Train what is not trained yet, blend, and print the table of gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    home = options.folder.absolute()
    home.mkdir(parents=True, exist_ok=True)
    sounds = home / "starter-sounds"
    if not (sounds / "starter.json").exists():
        run(home, "demo")
    for name, front_end in FRONT_ENDS.items():
        recipe = home / f"{name}.toml"
        recipe.write_text(RECIPE.format(name=name, front_end=front_end, network=NETWORKS[name], epochs=options.epochs))
        if not (home / "ensembles" / name).exists():
            quick = ("--no-noise-gate", "--no-familiarity", "--folds-from", "recipe")
            run(home, "train", str(sounds), "--recipe", str(recipe), "--publish", name, *quick)
    for name, extra in (
        ("blend", ()),
        ("stack", ("--stack", "--stack-rate", "20", "--stack-epochs", "60", "--dataset", str(sounds))),
    ):
        if not (home / "ensembles" / name).exists():
            run(home, "blend", *FRONT_ENDS, "--name", name, *extra)
    run(home, "ablation", "stack", str(sounds), "--save")


def run(home: Path, *arguments: str) -> None:
    """Run an audiotag command with the folder as its workspace; a failure ends the script."""
    print("audiotag", *arguments, flush=True)
    subprocess.run(
        [sys.executable, "-m", "audiotag", *arguments], env=os.environ | {"AUDIOTAG_HOME": str(home)}, check=True
    )


if __name__ == "__main__":
    main()
