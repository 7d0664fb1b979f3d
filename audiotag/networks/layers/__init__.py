"""Layers that several networks share; they import torch, so only modules that build networks import them.

`blocks` has the convolutions, `heads` what turns feature maps into logits.
"""
