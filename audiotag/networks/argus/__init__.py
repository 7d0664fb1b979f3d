"""The networks of the 2019 winner: four blocks of convolutions, with skips, attention, auxiliary heads or an LSTM.

`architecture` says which parts a network has, `layers` and `model` build it, and `settings` registers it.
"""

from audiotag.networks.argus.settings import ArgusSettings

__all__ = ["ArgusSettings"]
