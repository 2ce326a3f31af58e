"""The controller: a queue of keys, workers, and what one reconcile does: observe, plan, execute, requeue."""
