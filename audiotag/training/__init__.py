"""Recipes, folds, runs: from a dataset to trained folds."""
