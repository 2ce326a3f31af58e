"""Who gets the requests, and what the routers in front of an object are told."""
