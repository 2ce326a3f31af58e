"""What can be done: names, uids and plain values."""
