"""The cluster's kinds of nodes, as the operator's settings tell them: spot nodes, accelerators, and signs of an end."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from eagleray.api.placement import Placement
from eagleray.domain.facts.problem import InvalidSpecError

Labels = Mapping[str, list[str]]


class Fleet(BaseModel):
    """What labels, taints and conditions of nodes mean; every cloud and device plugin has its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, use_attribute_docstrings=True)

    spot_labels: dict[str, list[str]] = Field(default_factory=dict)
    """Labels, any of which marks a spot node, and the values that do."""
    spot_taints: list[str] = Field(default_factory=list)
    """Keys of taints that keep others off spot nodes."""
    accelerators: dict[str, dict[str, list[str]]] = Field(default_factory=dict)
    """Kinds of accelerators by name: labels, any of which marks a node that has it, and the values that do."""
    accelerator_taints: list[str] = Field(default_factory=list)
    """Keys of taints that keep others off nodes with accelerators."""
    notices: list[str] = Field(default_factory=list)
    """Keys of taints and types of conditions by which a node says that it is about to go."""

    def check(self, placements: Iterable[Placement | None]) -> None:
        """Refuse what these settings know nothing of.

        Raises:
            InvalidSpecError: naming the field and what there is.
        """
        for placement in placements:
            if placement is None:
                continue
            name = placement.accelerator
            if name is not None and name not in self.accelerators:
                known = ", ".join(sorted(self.accelerators)) or "none"
                raise InvalidSpecError(
                    f"placement.accelerator: this operator knows no {name!r}; it knows: {known} (nodes.accelerators of "
                    "the chart)"
                )
            needs_labels = placement.spot not in {None, "Allow"} or placement.on_demand_min is not None
            if needs_labels and not self.spot_labels:
                raise InvalidSpecError(
                    "placement.spot: this operator does not know which nodes are spot nodes; name their labels in "
                    "nodes.spotLabels of the chart"
                )

    def accelerators_of(self, labels: Mapping[str, str]) -> frozenset[str]:
        """The accelerators of a node with these labels."""
        return frozenset(name for name, marks in self.accelerators.items() if _marked(labels, marks))


def _marked(labels: Mapping[str, str], marks: Labels) -> bool:
    return any(labels.get(label) in values for label, values in marks.items())
