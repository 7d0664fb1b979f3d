"""The 2-D CNN of the 3rd place of 2019, whose head takes the maps of several depths.

`architecture` says what it is built from, `model` builds it, and `settings` registers it.
"""

from audiotag.networks.multi_scale_cnn.settings import MultiScaleCNNSettings

__all__ = ["MultiScaleCNNSettings"]
