"""Distil an ensemble: train one network that tags in place of all its folds, in less time.

Read in this order: `source` (what an ensemble was trained on), `student_runs` (the runs that its folds teach),
`measuring` (both on the same clips), `saving` (the network beside the folds).
"""
