"""Review: label clips that have no label, correct labels that folds doubt, train again, and see what it brought."""

from audiotag.ui import frame
from audiotag.ui.review import tabs
from audiotag.ui.review.header import show_header
from audiotag.ui.review.label.place import with_label_tab
from audiotag.ui.review.label.tab import show_labelling
from audiotag.ui.widgets import messages

context = frame.set_up_page("Review")
workspace, dataset = context.workspace, context.dataset()

source, reviewer = show_header(dataset, workspace)
frame.show_tabs(
    tabs.TABS,
    with_label_tab(
        dataset,
        lambda: show_labelling(dataset, context.ensemble_folder, reviewer, workspace),
        {
            tabs.QUEUE: lambda: tabs.show_doubts(dataset, source, reviewer, workspace),
            "Grid": lambda: tabs.show_many(dataset, source, reviewer, workspace),
            "Retrain": lambda: tabs.show_retrain(dataset, source, workspace),
            "Exchange": lambda: tabs.show_others(dataset, reviewer, workspace),
        },
    ),
)
messages.show_sentences()
