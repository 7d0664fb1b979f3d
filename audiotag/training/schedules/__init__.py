"""Schedules of the learning rate that a recipe may name: `base` has the registry, every other module has one."""
