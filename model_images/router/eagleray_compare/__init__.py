"""The comparer of a mirror: asks the mirrored version again what users asked, and compares the answers."""
