"""What is done with a model's answers."""

from typing import Annotated

from eagleray.api.base import ApiModel, PositiveDuration, Quantity, Rule
from eagleray.api.units import parse_quantity

_SMALLEST = 1024


class AnswerCache(ApiModel):
    """Answers that each replica keeps, for requests of the same content."""

    max_bytes: Annotated[
        Quantity,
        Rule(
            "!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('1Ki')) >= 0",
            "write answers.cache.maxBytes of at least 1Ki, for example 64Mi",
            python=lambda text: parse_quantity(text) >= _SMALLEST,
        ),
    ]
    """Most memory that the answers of one replica take, with their keys; those that were used last are kept."""
    ttl: PositiveDuration | None = None
    """How long an answer is given again; as long as there is room where it is left out."""


class Answers(ApiModel):
    """What is done with answers of a model; only with `model`."""

    cache: AnswerCache | None = None
    """Answers requests of the same content by what was answered before."""
