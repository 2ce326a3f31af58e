"""What was seen: Pods, Serve, Ray nodes, routers, figures; and the words for what is wrong with them."""
