"""What all components of the app share: how their sources are read, and scripts that are put before their own.

``lifetime.js`` keeps what a component has made as long as it is on the page, ``sounds.js`` reads and draws sounds, and
``images.js`` downloads what a component shows.
"""

from audiotag.ui.component.sources import Sources, read_component

__all__ = ["Sources", "read_component"]
