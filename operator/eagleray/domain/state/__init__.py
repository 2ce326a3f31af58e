"""What is remembered of an object between two looks: frozen, changed only by `dataclasses.replace`.

`domain/status/codec.py` alone turns it into the object's status and back.
"""
