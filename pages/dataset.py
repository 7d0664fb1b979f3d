"""Dataset: durations, labels, sound, problems, clips, map, with one filter over all tabs that is in the address."""

import streamlit as st

from audiotag.inspection import statistics
from audiotag.inspection.filters import Filter, faults_of_clips, filter_clips
from audiotag.ui import dataset_cache, frame
from audiotag.ui.dataset import durations_tab, header, labels_tab, problems, reading, sound_tab
from audiotag.ui.dataset.clips import show_clips
from audiotag.ui.dataset.filter import pick_filter
from audiotag.ui.dataset.map_tab import show_map
from audiotag.ui.widgets import measurement, messages

context = frame.set_up_page("Dataset")
dataset = context.dataset()
index = dataset_cache.load_index(dataset)
all_faults = faults = dataset_cache.find_faults(dataset)

with st.container(key="top"):
    places = header.show_title(dataset)
    reading.show_reading(dataset, places.title)
if len(statistics.labelled_clips(index)) == 0:
    header.show_unreadable(index)
    st.stop()
measurement.start_by_itself(dataset, index)

facts = st.container(gap="small", key="facts")
with st.container(key="filter"):
    wanted = pick_filter(dataset, faults)
shown = filter_clips(index, wanted, faults)
if wanted != Filter():
    faults = faults_of_clips(faults, shown)
if len(statistics.labelled_clips(shown)) == 0:
    st.info("No clip passes the filter. Remove a part of it.", icon=":material/search_off:")
    st.stop()
with facts:
    header.show_facts(shown)
    header.show_label_link(dataset)
    header.show_problems_line(dataset, index, faults)
with places.caption:
    header.show_dashboard_button(dataset, shown, faults, wanted)
frame.show_tabs(
    header.TAB,
    {
        "Durations": lambda: durations_tab.show_durations(shown),
        "Labels": lambda: labels_tab.show_labels(shown, wanted),
        "Sound": lambda: sound_tab.show_sound(dataset, index, shown, all_faults),
        "Problems": lambda: problems.show_problems(dataset, index, faults, context.ensemble_folder),
        "Clips": lambda: show_clips(dataset, shown, faults),
        "Map": lambda: show_map(dataset, context.ensemble(), all_faults, wanted),
    },
)
messages.show_sentences()
