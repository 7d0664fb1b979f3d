"""A page with the grid alone, for `test_review_grid`. The score of Tone is the clip's number, in hundredths."""

import numpy as np
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.training.held_out import HeldOutScores
from audiotag.ui import dataset_cache
from audiotag.ui.review.grid import show_grid
from audiotag.workspace import Workspace


@st.cache_resource
def held_out(_dataset: Dataset) -> HeldOutScores:
    clips, labels = _dataset.clips, _dataset.labels
    tone = np.array([int(clip.partition(".")[0]) / 100 for clip in clips["clip"]])
    given = np.array([[label in of_clip for label in labels] for of_clip in clips["labels"]], np.float32)
    scores = np.array([tone if label == "Tone" else np.full(len(clips), 0.3) for label in labels], np.float32).T
    return HeldOutScores(labels, clips[["subset", "clip"]].assign(fold=1).reset_index(drop=True), scores, given)


if __name__ == "__main__":  # pytest imports it as well
    st.set_page_config(layout="wide")
    st.title("Review")
    dataset = dataset_cache.load_dataset(Workspace().root / "grid-sounds")
    show_grid(dataset, held_out(dataset), st.query_params.get("reviewer", "Ada"), Workspace())
