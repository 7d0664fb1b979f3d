"""Does every shipped recipe work from training to tags? ``python benchmarks/recipes.py FOLDER [NAME …]``.

Each recipe is trained by `audiotag train` on the starter sounds, in the workspace FOLDER, at its full size but for a
few batches of 8 in each of its stages, and published; `audiotag tag` then tags a test clip with it. Recipes that choose
noisy clips by the agreement of networks train two folds, the others one. Printed are the seconds of both commands, the
held-out lwlrap of the first fold, which after so few batches only shows that it was measured, and the clip's highest
tag.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe, recipe_names
from audiotag.workspace import Workspace

DRAWS = 32  # about; clips of recipes without pools are many times as many at the least
SHARE_OF_CLIPS = 0.06


def main() -> None:
    """Train, publish and tag with each recipe, and print a row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="shipped recipes (default: all)")
    options = parser.parse_args()
    workspace = Workspace(options.folder.absolute())
    if earlier := sorted(workspace.root.glob("few-*.toml")):
        sys.exit(f"{options.folder} has {earlier[0].name} of an earlier call; give a new folder.")
    os.environ["AUDIOTAG_HOME"] = str(workspace.root)
    if not (workspace.starter / "starter.json").exists():
        called("demo")
    clip = min((workspace.starter / "test").glob("*.wav"))
    print("recipe | training | lwlrap | tagging | highest tag")
    for name in options.names or recipe_names():
        print(" | ".join(row_of(name, clip, workspace)), flush=True)


def row_of(name: str, clip: Path, workspace: Workspace) -> list[str]:
    """Train, publish, tag, and describe it."""
    recipe = load_recipe(name)
    file = workspace.root / f"few-{name}.toml"
    file.write_text(f'base = "{name}"\nbatch_size = 8\n', "utf-8")
    ensemble = f"few-{name}"
    folds = "1,2" if any(stage.agreement for stage in recipe.stages) else "1"
    few = ["--folds", folds, "--epochs", "1", "--fraction", str(share_of(recipe))]
    fast = ["--no-noise-gate", "--no-familiarity", "--device", "cpu", "--json"]
    began = time.monotonic()
    trained = called("train", str(workspace.starter), "--recipe", str(file), *few, *fast, "--publish", ensemble)
    train_s = time.monotonic() - began
    began = time.monotonic()
    (tags,) = called("tag", str(clip), "--ensemble", ensemble, "--json")
    tag_s = time.monotonic() - began
    label, score = max(tags["scores"].items(), key=lambda pair: pair[1])
    lwlrap = trained["folds"][0]["lwlrap"]
    return [name, f"{train_s:.0f} s", f"{lwlrap:.3f}", f"{tag_s:.1f} s", f"{label} {score:.3f}"]


def share_of(recipe: Recipe) -> float:
    """What ``--fraction`` must be for a few batches per stage."""
    draws = max((stage.draws or 0 for stage in recipe.stages), default=0)
    return DRAWS / draws if draws else SHARE_OF_CLIPS


def called(*arguments: str) -> Any:
    """The JSON that a command prints."""
    command = [sys.executable, "-m", "audiotag", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout) if "--json" in arguments else None


if __name__ == "__main__":
    main()
