"""What crosses the wire: reports in; enriched reports, escalations and dead letters out.

This package imports nothing else of Tocsin, so that a publisher or a subscriber can use it alone.
"""
