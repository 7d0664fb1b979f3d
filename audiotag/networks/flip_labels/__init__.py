"""Any network, trained on mirrored network inputs under labels of their own, and asked four times for each window.

`model` has the modules, and `settings` registers them.
"""

from audiotag.networks.flip_labels.settings import FlipLabelsSettings

__all__ = ["FlipLabelsSettings"]
