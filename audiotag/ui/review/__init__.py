"""The Review page.

`ensemble_job` scores the clips by an ensemble; `exchange` passes corrections on, and takes those of others.
"""
