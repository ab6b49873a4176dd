"""Connects desks that work elsewhere: a process per receiver, which reads and writes public topics only."""
