"""Asks code of a user's that MLflow saved, where MLflow is: in the image that such a user would build.

Takes the folder, and a file with ``rows`` and ``answers`` as they should be.
"""

import json
import sys
from pathlib import Path

import numpy as np

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.frameworks import load_code
from eagleray_serving.mlflow import read_folder
from eagleray_serving.outputs import PREDICT
from eagleray_serving.rows import parse_rows


def main(path: Path, asked: Path) -> None:
    told, folder = json.loads(asked.read_text()), read_folder(path)
    assert folder is not None
    assert folder.is_code
    model = AnsweringModel(load_code(folder.path), Output.LABELS, folder.signature)
    answer = model.answer(parse_rows(told["rows"], model.signature))[PREDICT]
    assert np.allclose(answer, told["answers"]), answer


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
