"""Pure builders: a revision or a router's configuration becomes manifests. Nothing here asks or writes anything."""
