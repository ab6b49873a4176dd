"""Counts per channel and category: windows, distinct reporters, most-reported messages, and measures."""
