"""Show how far scores can be trusted, on every page that has labelled scores: `panel` is the whole, one module per tab.

The other modules are `noise_gate`, which shows an ensemble's false tags on noises and speech and measures them in a
process of its own, and `loading`, which computes what the tabs show once for the same scores.
"""
