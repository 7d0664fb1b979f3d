"""XResNet: `settings` holds what a recipe may choose, `model` the network in plain torch, `blocks` its layers."""

from audiotag.networks.xresnet.settings import XResNetSettings

__all__ = ["XResNetSettings"]
