"""Ensembles of folds and the tags they give."""
