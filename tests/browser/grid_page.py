"""A page with the grid alone, for `test_review_grid`. The score of Tone is the clip's number, in hundredths."""

import numpy as np
import streamlit as st

from audiotag.training.held_out import HeldOutScores
from audiotag.ui import cache
from audiotag.ui.review.grid import show_grid
from audiotag.workspace import Workspace

st.set_page_config(layout="wide")
st.title("Review")
dataset = cache.load_dataset(Workspace().root / "grid-sounds")


@st.cache_resource
def held_out() -> HeldOutScores:
    clips = dataset.clips
    tone = np.array([int(clip.partition(".")[0]) / 100 for clip in clips["clip"]])
    given = np.array([[label in labels for label in dataset.labels] for labels in clips["labels"]], np.float32)
    scores = np.array([tone if label == "Tone" else np.full(len(clips), 0.3) for label in dataset.labels], np.float32).T
    return HeldOutScores(dataset.labels, clips[["subset", "clip"]].assign(fold=1).reset_index(drop=True), scores, given)


show_grid(dataset, held_out(), st.query_params.get("reviewer", "Ada"), Workspace())
