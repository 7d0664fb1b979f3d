"""Training with fastai's Learner on fastaudio's types: the only subpackage that imports the two libraries.

Read `learner` first (it trains one fold), then what it uses: `callbacks`, `loader`, `precision` and `optimiser`.
Importing this package imports fastaudio 1.0.2 with today's libraries (`fastaudio_compat`), so that its modules can
import both libraries in any order.
"""

from audiotag.training.backend.fastaudio_compat import import_fastaudio

import_fastaudio()
