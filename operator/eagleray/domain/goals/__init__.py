"""What is asked for: versions, revisions, worker groups, verbs of people, and what an installation serves."""
