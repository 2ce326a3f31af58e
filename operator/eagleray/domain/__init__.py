"""Pure decisions: frozen data in, a short list of typed actions out. No clock, no I/O, no client types.

Each folder is a floor that imports only what is below it: plan, status, traffic, version, revision, state, goals,
actions, facts. Begin reading at `plan/plan.py`.
"""
