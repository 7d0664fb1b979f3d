"""ResNet-34 with the head of the 4th place of 2019.

`settings` registers it, `model` builds it.
"""

from audiotag.networks.resnet.settings import ResNetSettings

__all__ = ["ResNetSettings"]
