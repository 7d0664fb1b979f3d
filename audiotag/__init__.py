"""Explore, tune, train and tag: multi-label audio tagging with an ensemble of folds."""

__version__ = "0.1.0"
