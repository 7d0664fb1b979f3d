"""Scan many datasets at the same time: none of them is forgotten."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from attacks.observed import Observed, Tally, audiotag

AT_ONCE = 12


def attack(folder: Path, home: Path, count: int) -> Tally:
    """Scan ``count`` small datasets, a dozen at a time, and look which of them the workspace knows afterwards."""
    import soundfile

    datasets = []
    for number in range(count):
        clip = folder / f"dataset-{number:02}" / "Noise" / "clip.wav"
        clip.parent.mkdir(parents=True)
        soundfile.write(clip, 0.1 * np.random.default_rng(number).normal(size=4410), 44_100)
        datasets.append(clip.parents[1])
    tally = Tally("parallel scans", tried=count)
    for at in range(0, count, AT_ONCE):
        scans = [Observed(audiotag("scan", dataset), home) for dataset in datasets[at : at + AT_ONCE]]
        for scan in scans:
            scan.wait()
            if (ended := scan.ended()).status:
                tally.lost.append(f"a scan ended with status {ended.status}: {ended.output[-300:]}")
    from audiotag.workspace import Workspace

    known = set(Workspace(home).dataset_folders())
    tally.survived = sum(dataset in known for dataset in datasets)
    tally.lost += [f"{dataset.name} was forgotten" for dataset in datasets if dataset not in known]
    return tally
