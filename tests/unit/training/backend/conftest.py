"""A fold's clips, and a fold that was trained on them."""

import numpy as np
import pytest
import soundfile

from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.progress import FoldSplit

from .tiny_folds import RATE, Calls, trained, waveform


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> FoldSplit:
    """Fourteen clips to train on, seven held out, and five others as if they were the curated ones."""
    folder = tmp_path_factory.mktemp("learner")
    clips, targets = [], np.eye(3, dtype=np.float32)[np.arange(26) % 3]
    targets[::5, 0] = 1
    for number in range(26):
        soundfile.write(folder / f"{number}.wav", waveform(number), RATE, subtype="FLOAT")
        clips.append(Clip(f"{number}.wav", folder / f"{number}.wav", 0, len(waveform(number)), True))
    train, valid, curated = (LabelledClips(clips[a:b], targets[a:b]) for a, b in ((0, 14), (14, 21), (21, 26)))
    return FoldSplit(train, valid, curated)


@pytest.fixture(scope="session")
def plainly_trained(split: FoldSplit) -> tuple[FoldTrainer, Calls]:
    """A fold after the first stage of the recipe as it is; for tests that only read it."""
    return trained(split, stages=1)
