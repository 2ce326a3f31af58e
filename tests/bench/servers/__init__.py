"""Our model server beside its peers: one model, one machine, the same requests in turns. Needs no cluster."""
