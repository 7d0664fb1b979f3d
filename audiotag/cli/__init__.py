"""The ``audiotag`` command: `main` parses the arguments, every other module has a group of commands or what they share.

`command_lines` builds the commands that pages show.
"""
