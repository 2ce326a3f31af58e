"""The clusters, images and tools that the demo and the end-to-end tests run on.

`PYTHONPATH=tests python3 -m kind --help` lists the commands; the Makefile calls them. Python decides, the shell
scripts in `built/` only run. Nothing here needs more than the standard library.
"""
