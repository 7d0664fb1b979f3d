"""Widgets that several pages use: messages, sound panel, sound picker, step and draw buttons, downloads.

`messages` shows errors; every page uses it.
"""
