"""The payload type of every topic: what publishers send and what subscribers receive.

This package imports nothing else of Tocsin, so a publisher or a subscriber can use it alone.
"""
