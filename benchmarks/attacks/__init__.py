"""The attacks of ``benchmarks/attack.py``: mutated files, kills, damaged state, parallel commands."""
