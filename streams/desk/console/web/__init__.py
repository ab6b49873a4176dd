"""The pages of the console: what a browser asks for, and what it gets."""
