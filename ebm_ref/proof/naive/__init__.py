"""The naive textbook expression of every formula, for arithmetic that cannot go wrong (oracle.py)."""
