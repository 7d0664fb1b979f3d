"""Inspection: what the clips of a dataset are like, and what is wrong with them.

Read `statistics` first (tables about durations, labels and spectra), then `faults` (problems, one row each, of the
kinds in `fault_kinds`), `filters` (which clips to show) and `measurement_job` (the detached process that decodes and
measures every clip).
"""
