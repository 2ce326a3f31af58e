"""`make bench ARGS=--scale`: what one operator costs with a thousand models, on a real API server with stub Pods."""
