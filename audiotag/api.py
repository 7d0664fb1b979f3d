"""The two calls of the public API that join several parts of the package: tag a sound, train an ensemble.

Both are what the commands ``audiotag tag`` and ``audiotag train`` and the pages call.
"""

from __future__ import annotations
