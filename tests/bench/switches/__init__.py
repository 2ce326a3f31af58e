"""What each switch of Ray Serve costs and brings, for an application and for our own server."""
