"""What is remembered of an object between two looks, and all that one look is decided on: frozen.

State changes by `dataclasses.replace` alone; `domain/status/codec.py` alone turns it into the object's status and back.
"""
