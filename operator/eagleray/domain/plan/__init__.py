"""One look: the parts of a plan in order, and when the next look is due."""
