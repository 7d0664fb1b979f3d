"""Say before a run what the recipe's lists, pools and negatives do with a dataset."""

from __future__ import annotations

from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.training.subsets import is_split


def pool_notes(session: Session) -> tuple[str, ...]:
    """Sentences about lists, pools without clips, negatives, agreement without effect, clips never held out."""
    lacking = [_lacking_sentence(session, number, stage) for number, stage in session.stages if stage.pools]
    return (
        *session.lists.sentences,
        *filter(None, [*lacking, _negatives_sentence(session)]),
        *_nothing_agreed(session),
        *_never_held_out(session),
        *_single_network(session),
    )


def _lacking_sentence(session: Session, number: int, stage: Stage) -> str:
    """That pools of a stage have no clips; empty if all have some."""
    assert stage.pools is not None
    present = {kind for kind in stage.pools.probabilities if len(session.rows_of_kind(kind))}
    lacking = [kind for kind in stage.pools.probabilities if kind not in present]
    if not lacking:
        return ""
    shares = ", ".join(f"{kind} {share:.2g}" for kind, share in stage.pools.scaled(present).items())
    return (
        f"{session.dataset.name} has no {' and no '.join(lacking)} clips, from which stage {number + 1} draws; the "
        f"probabilities of the other pools are scaled: {shares or 'none is left'}."
    )


def _negatives_sentence(session: Session) -> str:
    """Which sounds without labels are added, and in which stages unless it is all; empty if none are."""
    said = session.recipe.negatives.sentence(session.labels)
    numbers = [str(number + 1) for number, stage in session.stages if stage.negatives]
    if not said or len(numbers) == len(session.stages):
        return said
    if not numbers:
        return ""
    return f"In stage{'s' * (len(numbers) > 1)} {' and '.join(numbers)}, {said}"


def _nothing_agreed(session: Session) -> tuple[str, ...]:
    """That stages add no noisy clips where a single fold is trained: it may not be trained on those it holds out."""
    if not session.barriers or len(session.folds) != 1:
        return ()
    numbers = [str(number + 1) for number in session.barriers]
    stages = f"Stage {numbers[0]} adds" if len(numbers) == 1 else f"Stages {' and '.join(numbers)} add"
    return (
        f"{stages} no noisy clips by agreement, because only fold {session.folds[0]} is trained: a fold adds noisy "
        "clips that other folds hold out. Train at least two folds, or choose a recipe without agreement.",
    )


def _never_held_out(session: Session) -> tuple[str, ...]:
    """That noisy clips have no out-of-fold scores, where every fold trains on all of them."""
    rows = session.rows("noisy") if "noisy" in session.subsets else None
    if rows is None or not len(rows) or is_split(rows, "noisy", session.recipe):
        return ()
    return (
        f"No fold holds out noisy clips: each trains on all {len(rows):,}, apart from those that belong with clips "
        "that it holds out. They get no out-of-fold scores, so this run cannot say which of their labels are doubtful.",
    )


def _single_network(session: Session) -> tuple[str, ...]:
    """What the figures of a run's single network are measured on; empty for other runs."""
    if not session.settings.trains_single:
        return ()
    if (watched := session.test_clips) is not None:
        figures = f"its figures are those of {len(watched.clips):,} labelled test clips"
    else:
        figures = "without labelled test clips, its figures are those of its training clips, and too high for new clips"
    return (f"One network is trained on the clips of all folds: {figures}.",)
