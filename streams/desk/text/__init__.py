"""Events and tables of numbers as text, for people: in the terminal, and on the pages of the console."""
