"""How well trust and coordination tell brigades from crowds, in a simulated world: `python -m
tests.evaluate`.
"""
