"""Which label is mistaken for which, where a clip may have several labels.

Each clip's true labels and tags are matched. A label that is both is right. The rest of the true labels were missed,
the rest of the tags are wrong, and every missed label is matched with every wrong tag in equal shares. Where there are
fewer wrong tags than missed labels, the rest of a missed label is matched with "no tag"; where there are fewer missed
labels, the rest of a wrong tag is matched with "no label". So

- each row sums to the number of clips that have the label, each column to the number of clips that get it;
- the diagonal over the row's sum is the recall, over the column's sum the precision;
- with one label and one tag per clip the matrix is that of ``sklearn.metrics.confusion_matrix``.

The matching follows Erbani et al., "Confusion matrices: a unified theory", IEEE Access 2024: as many labels as possible
stay where they are, and the rest is spread as evenly as possible. "No tag" and "no label" are those of Heydarian et
al., "MLCM: multi-label confusion matrix", IEEE Access 2022, whose rows and columns do not sum to numbers of clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

NO_TAG, NO_LABEL = "no tag", "no label"


@dataclass(frozen=True, eq=False)
class Confusion:
    """A multi-label confusion matrix.

    Attributes
    ----------
    labels : tuple[str, ...]
    matrix : numpy.ndarray, shape=(labels + 1, labels + 1)
        Numbers of clips, in fractions where a clip has several errors. Rows are true labels, then `NO_LABEL`; columns
        are tags, then `NO_TAG`.
    """

    labels: tuple[str, ...]
    matrix: np.ndarray

    def table(self) -> pd.DataFrame:
        """The matrix with its names; the index is called ``true label``."""
        index = pd.Index([*self.labels, NO_LABEL], name="true label")
        return pd.DataFrame(self.matrix, index=index, columns=[*self.labels, NO_TAG])

    def pairs(self) -> pd.DataFrame:
        """Each pair of labels that are confused, the most frequent first.

        Returns
        -------
        pandas.DataFrame
            ``label`` (the true one), ``tagged as``, ``clips`` (how many of its clips), ``of`` (clips that have the true
            label) and ``share`` = clips / of. Labels that were only missed, or only added, are no pairs.
        """
        size = len(self.labels)
        counts = self.matrix[:size, :size] * (1 - np.eye(size))
        rows, columns = np.nonzero(counts > 0)
        positives = self.matrix[:size].sum(axis=1)
        names = np.array(self.labels, dtype=object)
        table = pd.DataFrame(
            {
                "label": names[rows],
                "tagged as": names[columns],
                "clips": counts[rows, columns],
                "of": positives[rows].round().astype(int),
                "share": counts[rows, columns] / positives[rows],
            }
        )
        return table.sort_values(["clips", "share"], ascending=False, kind="stable", ignore_index=True)

    def most_confused(self, count: int) -> Confusion:
        """The part of the matrix with the labels that are confused most, in the order of the vocabulary.

        Labels outside it are left out, so its rows and columns do not sum to numbers of clips.
        """
        size = len(self.labels)
        wrong = self.matrix[:size, :size] * (1 - np.eye(size))
        errors = wrong.sum(axis=0) + wrong.sum(axis=1)
        chosen = np.sort(np.argsort(-errors, kind="stable")[:count])
        places = np.append(chosen, size)
        return Confusion(tuple(self.labels[place] for place in chosen), self.matrix[np.ix_(places, places)])


def confusion(labels: tuple[str, ...], targets: np.ndarray, tags: np.ndarray) -> Confusion:
    """Match true labels with tags, as the module's docstring says.

    Parameters
    ----------
    labels : tuple[str, ...]
    targets : numpy.ndarray, shape=(clips, labels)
        Above 0 where a clip has the label.
    tags : numpy.ndarray, shape=(clips, labels), bool
        Whether a clip gets the label.

    Examples
    --------
    Of two clips, one is right; the other has a and b, and is tagged with a and c:

    >>> confusion(("a", "b", "c"), np.array([[1, 0, 0], [1, 1, 0]]), np.array([[1, 0, 0], [1, 0, 1]]) > 0).matrix
    array([[2., 0., 0., 0.],
           [0., 0., 1., 0.],
           [0., 0., 0., 0.],
           [0., 0., 0., 0.]])
    """
    has, gets = np.asarray(targets) > 0, np.asarray(tags) > 0
    right, missed, wrong = has & gets, (has & ~gets).astype(np.float64), (gets & ~has).astype(np.float64)
    n_missed, n_wrong = missed.sum(axis=1), wrong.sum(axis=1)
    more = np.maximum(np.maximum(n_missed, n_wrong), 1)
    size = len(labels)
    matrix = np.zeros((size + 1, size + 1))
    matrix[:size, :size] = (missed / more[:, None]).T @ wrong + np.diag(right.sum(axis=0))
    matrix[:size, size] = ((1 - n_wrong / more)[:, None] * missed).sum(axis=0)
    matrix[size, :size] = ((1 - n_missed / more)[:, None] * wrong).sum(axis=0)
    return Confusion(labels, matrix)
