"""The console: pages on which desks work, beside the stream.

It reads topics, and writes what people decide.
"""
