"""Dataset: know your clips. Widgets in, tables and figures out; the counting is in `audiotag.data.statistics`."""

import streamlit as st

from audiotag.data import statistics
from audiotag.figures import dataset as figures
from audiotag.figures.theme import CONFIG
from audiotag.sound.spectrogram import PRESETS
from audiotag.ui import cached, listen, shell

CLIPS_AT_MOST = 2000

dataset = shell.page("Dataset").dataset()
index = cached.index(dataset)
clips = statistics.readable(index)
summary = statistics.summary(index)

st.title(dataset.name)
st.caption(f"{dataset.layout} · {dataset.root}")

if len(clips) == 0:
    st.error(f"None of the {len(index)} clips can be read; the table below says why.", icon=":material/error:")
    st.dataframe(index[["clip", "error"]], hide_index=True, alt="Clips that cannot be read, and why")
    st.stop()

for column, subset in zip(st.columns(max(3, len(summary))), summary.index, strict=False):
    row = summary.loc[subset]
    with column.container(border=True):
        st.metric(subset, f"{row['clips']:,.0f} clips", help="Clips that can be read.")
        st.markdown(
            f"{row['hours']:.2f} h · {row['labels']:.0f} labels in {row['combinations']:.0f} combinations · "
            f"{row['labels_a_clip']:.2f} labels a clip · {row['shortest_s']:.1f}–{row['longest_s']:.1f} s, "
            f"mean {row['mean_s']:.1f} s"
        )

problems = [*((p.clip, p.reason) for p in dataset.problems)]
problems += list(index.loc[index["error"].notna(), ["clip", "error"]].itertuples(index=False, name=None))
durations, labels, sounds, doubts = st.tabs(
    ["Durations", "Labels", "Clips", f"Problems ({len(problems)})"], key="dataset-tab"
)

with durations:
    crop_s = st.slider(
        "Crop length (s)",
        0.5,
        10.0,
        PRESETS["capstone"].clip_s,
        0.5,
        key="crop-length",
        help="How much of a clip the network would see at once. Shorter clips are padded, longer ones cut.",
    )
    shorter = statistics.share_shorter(index, crop_s)
    st.markdown(
        "Shorter than the crop: " + ", ".join(f"**{100 * share:.0f} %** of {name}" for name, share in shorter.items())
    )
    table = figures.duration_table(index)
    left, right = st.columns(2)
    left.plotly_chart(
        figures.durations(table, crop_s),
        key="durations",
        config=CONFIG,
        alt="Histogram of clip durations for each subset",
    )
    right.plotly_chart(
        figures.cumulative(table, crop_s),
        key="cumulative",
        config=CONFIG,
        alt="Cumulative share of clips by duration for each subset",
    )
    with st.expander("As a table", icon=":material/table:"):
        st.dataframe(table, hide_index=True, alt="Share of clips in each bin of duration")

with labels:
    counts = statistics.label_counts(index)
    left, right = st.columns([1, 2])
    order = left.segmented_control(
        "Order", ["most clips", "fewest clips", "name"], default="most clips", key="label-order", required=True
    )
    top = right.slider("Labels shown", 5, max(6, len(counts)), min(30, max(6, len(counts))), key="labels-shown")
    counts = statistics.ordered(counts, order)
    st.plotly_chart(
        figures.labels(counts.head(top)), key="label-counts", config=CONFIG, alt="Number of clips of each label"
    )
    with st.expander("As a table", icon=":material/table:"):
        st.dataframe(counts, alt="Number of clips of each label in each subset")

with sounds:
    left, right = st.columns([2, 3])
    with left:
        subset = st.segmented_control(
            "Subset", list(summary.index), default=summary.index[0], key="clips-subset", required=True
        )
        wanted = st.multiselect(
            "Labels", dataset.labels, key="clips-labels", placeholder="any", help="Clips that have all of these."
        )
        found = statistics.clips_with(clips, subset, wanted)
        st.caption(
            f"{len(found):,} clips" + (f", the first {CLIPS_AT_MOST:,} shown" if len(found) > CLIPS_AT_MOST else "")
        )
        table = found.head(CLIPS_AT_MOST)[["clip", "labels", "duration_s"]]
        chosen = st.dataframe(
            table,
            hide_index=True,
            height=420,
            on_select="rerun",
            selection_mode="single-row-required",
            key="clips-table",
            column_config={
                "labels": st.column_config.ListColumn("labels", width="medium"),
                "duration_s": st.column_config.NumberColumn("length", format="%.2f s"),
            },
            alt="Clips with their labels and durations",
        )
    with right:
        if len(found) == 0:
            st.info("No clip has all of these labels.", icon=":material/search_off:")
        else:
            row = found.iloc[(chosen.selection.rows or [0])[0]]
            st.markdown(f"**{row['clip']}** · {', '.join(row['labels'])}")
            with shell.shown_errors():
                settings = PRESETS["capstone"]
                listen.whole(cached.sound(row["path"], settings.sample_rate), settings, key="clip")

with doubts:
    if problems:
        st.dataframe(
            [{"clip": clip, "why it is left out": reason} for clip, reason in problems],
            hide_index=True,
            alt="Clips that are left out, and why",
        )
    else:
        st.success("Every clip that is listed is there and can be read.", icon=":material/check:")
