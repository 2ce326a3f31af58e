"""Cases that the engine does not pass yet; each goes from here with the change that ends its fault."""

NOT_YET: frozenset[str] = frozenset(
    {
    }
)
