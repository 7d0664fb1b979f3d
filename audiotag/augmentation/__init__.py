"""Random changes of training clips, so that a network sees more of them than there are.

Read `audiotag.augmentation.base` first: what an augmentation has, and how it is registered. `mask` is the simplest
example, `mixup` the simplest mixer; `chain` sorts the augmentations of a recipe and applies them to a batch.
"""
