"""placeholder"""
class Invariants:
    def __init__(self, cluster): pass
