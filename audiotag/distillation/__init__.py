"""Distil an ensemble: train one network that tags as all its folds do, several times as fast.

Read in this order: `source` (what an ensemble was trained on), `student_runs` (the runs that its folds teach),
`measuring` (both on the same clips), `saving` (the network beside the folds).
"""
