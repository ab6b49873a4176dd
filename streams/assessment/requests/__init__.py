"""Requests of authorities, judged: to whom they belong, what they lack, and what is never done."""
