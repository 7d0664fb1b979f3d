"""Dataset: durations, labels, sound, problems and clips, with one filter over all tabs that is in the address."""

import streamlit as st

from audiotag.inspection import statistics
from audiotag.inspection.filters import Filter, faults_of_clips, filter_clips
from audiotag.ui import cache, frame
from audiotag.ui.dataset import header, reading, tabs
from audiotag.ui.dataset.clips import show_clips
from audiotag.ui.dataset.filter import pick_filter
from audiotag.ui.widgets import messages

dataset = frame.set_up_page("Dataset").dataset()
index = cache.load_index(dataset)
faults = cache.find_faults(dataset)

header.show_title(dataset)
reading.show_reading(dataset)
if len(statistics.labelled_clips(index)) == 0:
    header.show_unreadable(index)
    st.stop()

wanted = pick_filter(dataset, faults)
shown = filter_clips(index, wanted, faults)
if wanted != Filter():
    faults = faults_of_clips(faults, shown)
if len(statistics.labelled_clips(shown)) == 0:
    st.info("No clip passes the filter. Remove a part of it.", icon=":material/search_off:")
    st.stop()
header.show_header(dataset, shown, faults, wanted)
frame.show_tabs(
    "tab",
    {
        "Durations": lambda: tabs.show_durations(shown),
        "Labels": lambda: tabs.show_labels(shown, wanted),
        "Sound": lambda: tabs.show_sound(dataset, index, shown),
        "Problems": lambda: tabs.show_problems(dataset, faults),
        "Clips": lambda: show_clips(dataset, shown, faults),
    },
)
messages.show_sentences()
