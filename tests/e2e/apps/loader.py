"""A PyTorch DataLoader with worker processes inside a replica: they hand their batches on through shared memory."""

import torch
from ray import serve
from starlette.requests import Request
from torch.utils.data import DataLoader, TensorDataset


@serve.deployment
class Loader:
    """Sums what its loader reads."""

    def __init__(self) -> None:
        self.data = TensorDataset(torch.arange(4096, dtype=torch.float32).reshape(512, 8))

    def __call__(self, request: Request) -> dict[str, float]:
        """With ?workers= of them."""
        workers = int(request.query_params.get("workers", "2"))
        return {"sum": sum(float(rows.sum()) for (rows,) in DataLoader(self.data, batch_size=64, num_workers=workers))}


app = Loader.bind()
