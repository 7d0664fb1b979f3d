"""The CRNN of the 5th place of 2019: convolutions on maps, convolutions along time, and a GRU.

`settings` registers it, `model` builds it.
"""

from audiotag.networks.crnn.settings import CRNNSettings

__all__ = ["CRNNSettings"]
