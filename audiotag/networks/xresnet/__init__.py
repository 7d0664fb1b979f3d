"""XResNet: `settings` is what a recipe says of it, `model` its layers in plain torch."""

from audiotag.networks.xresnet.settings import XResNetSettings

__all__ = ["XResNetSettings"]
