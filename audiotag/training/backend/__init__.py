"""Training with fastai's Learner on fastaudio's types: the only subpackage that imports the two libraries.

Read `learner` first (it trains one fold), then `callbacks`, `loader`, `precision` and `optimiser`, which it is made of.
Importing this package makes fastaudio 1.0.2 importable beside today's libraries (`fastaudio_compat`), so that the
modules in it can import both libraries in any order.
"""

from audiotag.training.backend.fastaudio_compat import import_fastaudio

import_fastaudio()
