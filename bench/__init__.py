"""The benchmark: holdfast beside its peers, in one run on one machine. Start it with ``python -m bench.run``."""
