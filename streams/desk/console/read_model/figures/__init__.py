"""Figures of days for those who lead a desk."""
