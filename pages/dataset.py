"""Dataset: know your clips. One filter over all tabs, kept in the address; the tabs are in `ui.dataset_tabs`."""

import streamlit as st

from audiotag.data import statistics
from audiotag.data.faults import faults
from audiotag.data.statistics import Filter
from audiotag.ui import cached, dataset_tabs, shell

dataset = shell.page("Dataset").dataset()
index = cached.index(dataset)

st.title(dataset.name)
st.caption(f"{dataset.layout} · {shell.plain(str(dataset.root))}")
for sentence in dataset.missing:
    st.warning(shell.plain(sentence), icon=":material/folder_off:")
if len(statistics.labelled(index)) == 0:
    st.error(f"None of the {len(index)} clips can be read; the table below says why.", icon=":material/error:")
    st.dataframe(index[["clip", "error"]], hide_index=True, alt="Clips that cannot be read, and why")
    st.stop()

wanted = dataset_tabs.pick_filter(dataset)
shown = statistics.filtered(index, wanted)
if len(statistics.labelled(shown)) == 0:
    st.info("No clip passes the filter; clear a part of it.", icon=":material/search_off:")
    st.stop()
summary = statistics.summary(shown)
for column, subset in zip(st.columns(max(3, len(summary))), summary.index, strict=False):
    dataset_tabs.header(column, subset, summary.loc[subset])

found = faults(dataset, index)
if wanted != Filter():
    found = found[found["clip"].isin(shown["clip"])]
tabs = st.tabs(["Durations", "Labels", "Sound", f"Problems ({len(found)})", "Clips"], key="dataset-tab")
for tab, draw in zip(
    tabs,
    (
        lambda: dataset_tabs.durations(shown),
        lambda: dataset_tabs.labels(shown),
        lambda: dataset_tabs.sound(dataset, index, shown),
        lambda: dataset_tabs.problems(dataset, found),
        lambda: dataset_tabs.clips(dataset, shown),
    ),
    strict=True,
):
    with tab:
        draw()
