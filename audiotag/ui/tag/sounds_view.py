"""The sounds on the Tag page with their results: the table of all, one of them in detail, downloads, the command."""

from __future__ import annotations

import streamlit as st

from audiotag.similarity.vectors import clip_vector
from audiotag.ui.frame import PageContext
from audiotag.ui.similar import OtherSound, show_similar
from audiotag.ui.tag import clip_view, dropped_sounds, results, sound_sources, tagging_options
from audiotag.ui.tag.tagging_options import PageSettings
from audiotag.ui.text import Markdown, escape

MAX_LABELS_IN_WELCOME = 6


def show_sounds(context: PageContext, page: PageSettings) -> None:
    """Tag all sounds, and show what was found."""
    setup, state = page.setup, page.state
    dropped_sounds.show_toolbar()
    tagged = results.tag_sounds(dropped_sounds.all_sounds(), setup)
    row = dropped_sounds.selected_row()
    chosen = None
    if not tagged:
        _show_welcome(context, page)
    else:
        # Places of their own: a message or an explanation must not begin anew what stands below it.
        with st.container():
            if len(tagged) > 1:
                results.show_results(tagged)
            results.show_errors_except(tagged, row)
        with st.container():
            clip_view.show_clip(tagged[row], row, page)
        _show_similar(context, tagged[row], page)
        chosen = results.show_downloads(tagged, tagged[row], setup)
    specs = state.specs(setup.tagger.card.labels, setup.settings.combine)
    tagging_options.show_command(setup, dropped_sounds.all_sounds(), specs, chosen)


def _show_similar(context: PageContext, result: results.SoundResult, page: PageSettings) -> None:
    """Clips of the chosen dataset that sound like a sound."""
    if (tags := result.tags) is None:
        return
    if tags.is_fast:  # the clips of a dataset have embeddings of the folds, which are others
        st.caption("Similar clips are found with all folds: switch off “Fast” in the settings.")
        return
    vector = clip_vector(tags.embeddings) if tags.embeddings is not None else None
    show_similar(context.dataset_root, page.setup.folder, OtherSound(result.sound.name, vector, tags.content))


def _show_welcome(context: PageContext, page: PageSettings) -> None:
    """What the page shows before there is a sound."""
    labels = page.setup.tagger.card.labels
    few = escape(", ".join(labels[:MAX_LABELS_IN_WELCOME]))
    st.markdown(
        f"Tags come from **{escape(page.setup.tagger.card.name)}**, which knows {len(labels)} "
        f"{'label' if len(labels) == 1 else 'labels'}: {few}"
        + Markdown(" …" if len(labels) > MAX_LABELS_IN_WELCOME else ".")
    )
    sound_sources.show_try_button(context)
