"""A zoo of saved models: what people save, made by a script of data that scikit-learn brings along."""

from unit.serving.zoo.boosters import BOOSTERS
from unit.serving.zoo.networks import NETWORKS
from unit.serving.zoo.tables import TABLES
from unit.serving.zoo.texts import TEXT_MODELS

ZOO = {entry.name: entry for entry in (*TABLES, *TEXT_MODELS, *BOOSTERS, *NETWORKS)}
"""Every model by its name. One of PyTorch is an entry as any other, where PyTorch is."""
