"""Pure decisions: frozen data in, a short list of typed actions out. No clock, no I/O, no client types."""
