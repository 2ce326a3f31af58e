"""What holds for every test."""

from hypothesis import settings

# No test asserts how fast this machine is, not even by hypothesis' default deadline.
settings.register_profile("eagleray", deadline=None)
settings.load_profile("eagleray")
