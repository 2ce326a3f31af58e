"""How PyTorch's users save what they serve, and what they ask it with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="PyTorch is in its image only")

IMAGES = np.random.default_rng(1).normal(size=(5, 3, 6, 6)).astype(np.float32)


def script(module: Any, file: Path) -> None:
    torch.jit.save(torch.jit.script(module), str(file))


def program(module: Any, file: Path) -> None:
    dynamic = ({0: torch.export.Dim("rows")},)
    torch.export.save(torch.export.export(module, (torch.zeros(2, 3, 6, 6),), dynamic_shapes=dynamic), str(file))
