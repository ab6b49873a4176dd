"""Statements of reasons for the Commission's DSA Transparency Database: drafts, and the database's rules."""
