"""Dataset: know your clips. One filter over all tabs, kept in the address; each tab is a function of `audiotag.ui`."""

import streamlit as st

from audiotag.data.layouts import LAYOUTS
from audiotag.inspection import statistics
from audiotag.inspection.filters import Filter, faults_of_clips, filter_clips
from audiotag.ui import cache, frame
from audiotag.ui.dataset import tabs
from audiotag.ui.dataset.clips import clips
from audiotag.ui.dataset.filter import pick_filter
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.get_dataset import get_fsdkaggle2019

dataset = frame.page("Dataset").dataset()
index = cache.index(dataset)
found = cache.faults(dataset)

st.title(dataset.name)
st.caption(f"{dataset.layout} · {messages.escape_markdown(str(dataset.root))}")
for sentence in dataset.missing:
    st.warning(messages.escape_markdown(sentence), icon=":material/folder_off:")
lacking = bool(dataset.missing) and LAYOUTS.get(dataset.layout_key).can_be_fetched
if lacking and st.button("What is missing, and how to get it", key="what-is-missing"):
    get_fsdkaggle2019(dataset.root)
if len(statistics.labelled_clips(index)) == 0:
    st.error(f"None of the {len(index)} clips can be read; the table below says why.", icon=":material/error:")
    st.dataframe(index[["clip", "error"]], hide_index=True, alt="Clips that cannot be read, and why")
    st.stop()

wanted = pick_filter(dataset, found)
shown = filter_clips(index, wanted, found)
if wanted != Filter():
    found = faults_of_clips(found, shown)
if len(statistics.labelled_clips(shown)) == 0:
    st.info("No clip passes the filter; clear a part of it.", icon=":material/search_off:")
    st.stop()
tabs.header(dataset, shown, found, wanted)

shown_tabs = st.tabs(["Durations", "Labels", "Sound", "Problems", "Clips"], key="tab", bind="query-params")
for tab, draw in zip(
    shown_tabs,
    (
        lambda: tabs.durations(shown),
        lambda: tabs.labels(shown, wanted),
        lambda: tabs.sound(dataset, index, shown),
        lambda: tabs.problems(dataset, found),
        lambda: clips(dataset, shown, found),
    ),
    strict=True,
):
    if tab.open:
        with tab:
            draw()
