"""The model server of Eagleray: fetches a model, loads it, and answers predictions in a Ray Serve replica."""

__version__ = "0.1.0"
