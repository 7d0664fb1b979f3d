"""XResNet, fastai's residual network in plain torch.

`architecture` says what it is built from, `blocks` and `model` are its layers, and `settings` registers it.
"""

from audiotag.networks.xresnet.settings import XResNetSettings

__all__ = ["XResNetSettings"]
