"""The columns that a batch prediction adds to its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eagleray_serving.batch.errors import BatchError
from eagleray_serving.outputs import PREDICT, PREDICT_PROBA
from eagleray_serving.tensors import Tensor

ERROR = "error"
"""The column that says why a row was not answered, where such rows are let pass."""
_NAMES = {PREDICT: "prediction", PREDICT_PROBA: "probabilities"}


@dataclass(frozen=True)
class Results:
    """Columns of the answers.

    Args:
        outputs: What the model answers with.
        with_errors: Whether rows that are refused are let pass, with the reason beside them.
    """

    outputs: tuple[Tensor, ...]
    with_errors: bool = False
    columns: Mapping[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        columns = {_NAMES.get(output.name, output.name): output for output in self.outputs}
        object.__setattr__(self, "columns", columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return (*self.columns, ERROR) if self.with_errors else tuple(self.columns)

    def check_new(self, names: Sequence[str]) -> None:
        """Refuse rows that have a column of such a name.

        Raises:
            BatchError: They have one.
        """
        if taken := set(names) & set(self.names):
            raise BatchError(f"there is a column '{min(taken)}' already, which is where answers go; rename it")
