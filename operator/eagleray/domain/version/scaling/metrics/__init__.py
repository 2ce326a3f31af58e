"""The load of a revision: each metric is one class in one file; `table.py` lists them."""
