"""What a command refuses, or fails at."""


class CliError(Exception):
    """A command cannot do what was asked; the message says what is wrong and the remedy, in one line."""
