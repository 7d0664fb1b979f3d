"""Dataset: know your clips. One filter over all tabs, kept in the address; each tab is a function of `audiotag.ui`."""

import streamlit as st

from audiotag.data import statistics
from audiotag.data.filters import Filter, filtered, of_clips
from audiotag.ui import cached, dataset_tabs, shell
from audiotag.ui.clips import clips
from audiotag.ui.dataset_filter import pick_filter
from audiotag.ui.fetch import get_fsdkaggle2019

dataset = shell.page("Dataset").dataset()
index = cached.index(dataset)
found = cached.faults(dataset)

st.title(dataset.name)
st.caption(f"{dataset.layout} · {shell.plain(str(dataset.root))}")
for sentence in dataset.missing:
    st.warning(shell.plain(sentence), icon=":material/folder_off:")
lacking = bool(dataset.missing) and dataset.layout.startswith(("FSDKaggle2019", "Freesound Audio Tagging 2019"))
if lacking and st.button("What is missing, and how to get it", key="what-is-missing"):
    get_fsdkaggle2019(dataset.root)
if len(statistics.labelled(index)) == 0:
    st.error(f"None of the {len(index)} clips can be read; the table below says why.", icon=":material/error:")
    st.dataframe(index[["clip", "error"]], hide_index=True, alt="Clips that cannot be read, and why")
    st.stop()

wanted = pick_filter(dataset, found)
shown = filtered(index, wanted, found)
if wanted != Filter():
    found = of_clips(found, shown)
if len(statistics.labelled(shown)) == 0:
    st.info("No clip passes the filter; clear a part of it.", icon=":material/search_off:")
    st.stop()
dataset_tabs.header(dataset, shown, found, wanted)

tabs = st.tabs(["Durations", "Labels", "Sound", "Problems", "Clips"], key="tab", bind="query-params")
for tab, draw in zip(
    tabs,
    (
        lambda: dataset_tabs.durations(shown),
        lambda: dataset_tabs.labels(shown, wanted),
        lambda: dataset_tabs.sound(dataset, index, shown),
        lambda: dataset_tabs.problems(dataset, found),
        lambda: clips(dataset, shown, found),
    ),
    strict=True,
):
    if tab.open:
        with tab:
            draw()
