"""KServe's SDK server, used as KServe's own servers for scikit-learn and LightGBM use it.

python kserve_sdk.py FILE PORT      (until it is ended)

Runs in an environment of its own (requirements/kserve-server.txt).
"""

import sys

import joblib
import lightgbm
from kserve import InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import get_predict_input, get_predict_response


class Saved(Model):  # type: ignore[misc, unused-ignore]  # KServe is not here when types are checked
    """A saved model."""

    def __init__(self, file: str) -> None:
        super().__init__("m")
        self._model = lightgbm.Booster(model_file=file) if file.endswith(".txt") else joblib.load(file)
        self.ready = True

    def predict(self, payload: InferRequest, *_headers: object) -> InferResponse:
        """The predictions of the request's rows."""
        return get_predict_response(payload, self._model.predict(get_predict_input(payload)), self.name)


if __name__ == "__main__":
    ModelServer(http_port=int(sys.argv[2]), enable_grpc=False, enable_latency_logging=False).start([Saved(sys.argv[1])])
