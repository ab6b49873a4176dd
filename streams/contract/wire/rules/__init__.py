"""Reads and writes sets of rules, and the records that switch a partition from one to another."""
