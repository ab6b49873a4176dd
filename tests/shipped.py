"""The shipped rules, loaded once per process for all tests that only read them."""

from streams.registry.loader import load_rules

RULES = load_rules()
