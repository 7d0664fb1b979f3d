"""Train the shipped ensemble: ``python models/make_starter.py ESC10_FOLDER [--out FOLDER]``.

Renders the starter sounds, trains five folds with the recipe ``default`` on them and on the real recordings of ESC-10,
where an overlay of two clips has the labels of both, and writes ``models/starter`` or FOLDER. In the last 60 epochs
15 % of each batch are sounds with none of the labels: noises, hums, tones and sweeps, and speech where espeak-ng is
installed. The last 20 epochs have whole clips. If it is stopped, it continues with the next epoch when it is started
again. The card has separate out-of-fold scores for recordings and rendered sounds. ``--single`` only distils the
ensemble into one network and puts that beside its folds; with ``--check`` it is measured out of fold, too.
``--known-clips``, ``--familiarity`` and ``--trust`` only renew a part of the ensemble.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from audiotag.augmentation.overlay import Overlay
from audiotag.data.layouts import open_dataset
from audiotag.distillation.saving import save_single
from audiotag.distillation.source import find_source
from audiotag.distillation.student_runs import train_student
from audiotag.metrics import accuracy, lwlrap
from audiotag.starter.render import render_starter
from audiotag.tagging import known_clips
from audiotag.tagging.ablation import write_ablation
from audiotag.tagging.ablation_measurement import measure_ablation
from audiotag.tagging.card import CARD, PartCard
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.familiarity_measurement import measure_and_save
from audiotag.tagging.noise_gate_measurement import gate_tagger, measure_noise_gate, save_noise_gate
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.training.begun import trained_on
from audiotag.training.negatives import Negatives
from audiotag.training.publish import known_clips_of, publish
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_blocking import train_run
from audiotag.training.runs import Run, RunSettings
from audiotag.training.session import Session
from audiotag.training.teaching import Teaching
from audiotag.trust.noise_sounds import Kind
from audiotag.trust.speech import OWN_LABELS, babble, speak, version_of
from audiotag.trust.temperature import fit_calibration
from audiotag.workspace import SHIPPED_MODELS, Workspace, read_json, write_bytes, write_json

LABEL_NAMES = {  # labels of ESC-10 and FSDKaggle2019 with the same meaning
    "Dog bark": "Bark",
    "Sea waves": "Waves_and_surf",
    "Clock tick": "Tick-tock",
    "Person sneeze": "Sneeze",
    "Fire crackling": "Crackle",
}
STARTER, ESC10 = "starter sounds, rendered", "ESC-10, field recordings"
LICENCES = {
    STARTER: "rendered from TimGM6mb.sf2 (GPL-2), not included",
    ESC10: "K. J. Piczak's ESC-10 (CC BY 3.0), from Freesound under CC0, CC BY and CC Sampling+; not included",
}
ABOUT = (
    "{labels} sounds of instruments, voices, animals, weather and machines. Trained by this project's default recipe, "
    "for {epochs} epochs and with all labels of an overlay, on the starter sounds that audiotag demo renders and on "
    "the 400 field recordings of ESC-10. In the last epochs 15 % of each batch were sounds that should get no tag: "
    "rendered noises, hums, tones and sweeps{speech}."
)
CURATED_EPOCHS = 240  # with 560 clips per fold: 134,400 examples
SPEECH = "starter-speech"  # folder in the workspace
NEGATIVES_SHARE, RENDERED = 0.15, 200
NEGATIVES_EPOCHS, NEGATIVES_LR = 40, 1e-3  # with negatives, when the labels are known
# Neither voices nor text are those of the noise gate, which measures with them.
VOICES = ("en-us+m5", "en-gb-scotland+f1", "it+f4", "nl+m2", "pl+f2", "pt+m7", "sv+f5", "hu+m4")
SENTENCES = (
    "Please leave the key under the mat and close the window before you go.",
    "Seven boats came back before the storm, and the eighth waited behind the island until evening.",
    "No, I think the train leaves from platform nine. Shall we ask somebody?",
    "First stir the flour into the butter, then add warm milk, a little at a time.",
    "Her brother repairs old radios. He says that the valves are hard to find.",
    "Can you hear me? Hello? The line is very bad today. I will call again at half past six.",
)
LICENCE = "Apache-2.0 for the weights; the sounds that they were trained on are not included."


def main() -> None:
    """Render, train, publish, and replace the shipped ensemble."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("esc10", type=Path, help="folder of ESC-10")
    parser.add_argument(
        "--single",
        action="store_true",
        help="only train one network with the folds of the shipped ensemble as its teachers, and put it beside them",
    )
    parser.add_argument("--check", action="store_true", help="with --single: also measure it out of fold")
    parser.add_argument(
        "--known-clips",
        action="store_true",
        help="only write which clips the shipped ensemble was trained on, after a change in how sounds are decoded",
    )
    parser.add_argument(
        "--familiarity",
        action="store_true",
        help="only measure again what the shipped ensemble's training sounds are like",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="only measure the shipped ensemble's temperature and noise gate again, and write them into its card",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default=SHIPPED_MODELS / "starter",
        help="the ensemble's folder, which is replaced (default: models/starter)",
    )
    parser.add_argument("--device", default="cpu", help="device, as for audiotag train (default: cpu)")
    options = parser.parse_args()
    if options.trust:
        write_trust(options.out)
        return
    if not options.esc10.is_dir():
        sys.exit(f"{options.esc10} is not a folder; give the folder of ESC-10.")
    if options.out.exists() and not (options.out / CARD).is_file():
        sys.exit(f"{options.out} exists and is not an ensemble, so it is not replaced; give another folder.")
    workspace = Workspace()
    folder = workspace.root / "starter-and-esc10"
    gather(options.esc10, render_starter(workspace.root / "starter-sounds"), folder)
    if options.known_clips:
        write_known_clips(options.out, folder, workspace)
        return
    if options.single:
        write_single(options.out, folder, workspace, options.device, options.check)
        return
    if options.familiarity:
        measure_and_save(options.out, folder, say=print)
        return
    speech = workspace.root / SPEECH
    renderer = render_speech(speech)
    print(f"Speech by {renderer}." if renderer else "espeak-ng is not installed, so there is no speech to train on.")
    chosen = recipe(speech if renderer else None)
    run = train_run(RunSettings(str(folder.resolve()), chosen, device=options.device), workspace)
    put_in_place(run, folder, options.out, renderer)


def recipe(speech: Path | None) -> Recipe:
    """``default`` with the labels of both clips in an overlay, epochs of its own, and negatives in the last of them."""
    default = load_recipe("default")
    both = tuple(replace(item, labels="both") if isinstance(item, Overlay) else item for item in default.augment)
    noisy, curated, whole = default.stages
    negatives = Negatives(NEGATIVES_SHARE, RENDERED, str(speech.resolve()) if speech else "")
    stages = (
        replace(noisy, negatives=False),
        replace(curated, epochs=CURATED_EPOCHS, min_clips=0, negatives=False),
        replace(curated, epochs=NEGATIVES_EPOCHS, min_clips=0, lr=NEGATIVES_LR),
        replace(whole, without=("crop",)),  # with overlays: without them the noise gate found more false tags
    )
    return replace(default, augment=both, stages=stages, negatives=negatives)


def render_speech(folder: Path) -> str:
    """Speak each sentence in each voice into a folder; gives the program's name, empty if it is not installed."""
    program = shutil.which("espeak-ng")
    if not program or not (version := version_of(program)):
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    for voice in VOICES:
        for number, sentence in enumerate(SENTENCES):
            path = folder / f"{voice}-{number}.wav"
            if not path.exists():
                words_per_minute, pitch = 120 + 15 * (number % 6), 20 + 10 * number
                aside = path.with_suffix(".partial")
                speak(program, voice, sentence, words_per_minute, aside, pitch)
                os.replace(aside, path)
    return version


def gather(esc10: Path, starter: Path, folder: Path) -> None:
    """Make one dataset of both, in the layout of Freesound Audio Tagging 2019: links to the sounds, then the tables."""
    if (folder / "train_curated.csv").exists():
        return
    rows: dict[str, list[tuple[str, str, str]]] = {"train_noisy": [], "test": [], "train_curated": []}
    subsets = {"curated": "train_curated", "noisy": "train_noisy", "test": "test"}
    for source, dataset in ((STARTER, open_dataset(starter)), (ESC10, open_dataset(esc10))):
        for clip in dataset.clips.itertuples():
            part = subsets[clip.subset]
            (folder / part).mkdir(parents=True, exist_ok=True)
            link = folder / part / clip.clip
            link.unlink(missing_ok=True)
            os.symlink(clip.path, link)
            labels = [LABEL_NAMES.get(label, label.replace(" ", "_")) for label in clip.labels]
            rows[part].append((clip.clip, ",".join(labels), f"esc10-{clip.group}" if source == ESC10 else ""))
    for part, lines in rows.items():
        name = "test_truth.csv" if part == "test" else f"{part}.csv"
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("fname", "labels", "group"), *lines])


def write_known_clips(ensemble: Path, folder: Path, workspace: Workspace) -> None:
    """Write the file of the clips that the ensemble was trained on, without training it again."""
    card = read_card(ensemble)
    # As it was trained: its run did not look for copies of sounds.
    settings = RunSettings(str(folder.resolve()), recipe(None))
    session = Session(open_dataset(folder), settings, workspace, copies=(), keeps_apart=False)
    held_out = [session.clips("curated").held_out(fold.fold).targets for fold in card.folds]
    found = read_out_of_fold(ensemble, card)
    if found is None or session.labels != card.labels or not np.array_equal(np.concatenate(held_out), found.targets):
        sys.exit(f"{folder} is not what {ensemble} was trained on: its out-of-fold labels are others.")
    known = known_clips_of(session.dataset, trained_on(session), session.folds, workspace).to_bytes()
    write_bytes(ensemble / known_clips.FILE, known)
    write_json(ensemble / CARD, read_json(ensemble / CARD) | {"known_clips": hashlib.sha256(known).hexdigest()})


def write_single(ensemble: Path, folder: Path, workspace: Workspace, device: str, check: bool) -> None:
    """Distil an ensemble that was trained on a dataset into one network, and put that beside its folds."""
    speech = workspace.root / SPEECH
    source = find_source(ensemble, workspace, folder, speech if render_speech(speech) else None)
    runs = {
        network: train_student(source, Teaching("starter", network=network), workspace, device=device)
        for network in (("per-fold", "single") if check else ("single",))
    }
    single = save_single(source, runs["single"], runs.get("per-fold"), say=print)
    print(*single.sentences(), sep="\n")


def write_trust(ensemble: Path) -> None:
    """Write the temperature and the noise gate into an ensemble's card; its weights and thresholds stay as they are."""
    card = read_card(ensemble)
    found = read_out_of_fold(ensemble, card)
    assert found is not None  # the shipped ensemble has them
    calibration = fit_calibration(found.labelled(card))
    write_json(ensemble / CARD, read_json(ensemble / CARD) | {"calibration": asdict(calibration)})
    gate = measure_noise_gate(gate_tagger(ensemble))
    save_noise_gate(ensemble, gate)
    print(calibration, gate.sentence(), sep="\n")
    unheard = measure_noise_gate(gate_tagger(ensemble), kinds=(Kind("babble", babble, OWN_LABELS),))
    print(f"Babble without words, which is not in the card and not trained on: {unheard.sentence()}")


def put_in_place(run: Run, folder: Path, out: Path, speech: str) -> None:
    """Publish, add the scores of each source to the card, measure the ablation, and replace what is in ``out``."""
    out = out.resolve()
    aside = out.with_name(f"{out.name}-new")
    aside.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(aside, ignore_errors=True)
    labels = next(event["labels"] for event in run.events() if event["event"] == "run-started")
    spoken = f", and sentences spoken by {speech}" if speech else ""
    about = ABOUT.format(labels=len(labels), epochs=CURATED_EPOCHS, speech=spoken)
    publish(run, aside.name, aside.parent, about, LICENCE)
    card = read_card(aside)
    parts = tuple(score_sources(run, aside))
    write_json(aside / CARD, replace(card, name="starter", parts=parts).to_dict())
    measure_and_save(aside, folder, say=print)
    write_trust(aside)
    write_ablation(aside, measure_ablation(aside, open_dataset(folder)))  # on the test clips, which are rendered
    shutil.rmtree(out, ignore_errors=True)
    os.replace(aside, out)
    for part in parts:
        print(part)


def score_sources(run: Run, ensemble: Path) -> Iterator[PartCard]:
    """Number of clips and out-of-fold scores of each source."""
    found = read_out_of_fold(ensemble, read_card(ensemble))
    assert found is not None  # it was published just now
    names = [name for fold in np.unique(found.folds) for name in read_json(run.fold_folder(int(fold)) / "clips.json")]
    real = np.array([name.endswith(".ogg") for name in names])
    for source, rows in ((STARTER, ~real), (ESC10, real)):
        truth, scores = found.targets[rows], found.scores[rows]
        yield PartCard(
            source,
            int(rows.sum()),
            LICENCES[source],
            round(lwlrap(truth, scores), 5),
            round(accuracy(truth, scores), 5),
        )


if __name__ == "__main__":
    main()
