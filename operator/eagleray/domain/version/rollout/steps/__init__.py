"""The kinds of steps, each in a file of its own; `table.py` lists them."""
