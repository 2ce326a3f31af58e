"""MLflow's ``python_function``: code of a user's, or of another library, in an image that has MLflow."""

from pathlib import Path

from eagleray_serving.errors import ModelLoadError, first_line
from eagleray_serving.frameworks import Model, sklearn


def load(folder: Path) -> Model:
    """Load the folder by MLflow. That runs the user's code: serve only models that you trust.

    Raises:
        ModelLoadError: The image has no MLflow, or this cannot load the folder.
    """
    try:
        from mlflow import pyfunc  # noqa: PLC0415 - images of ours do not have it
    except ModuleNotFoundError:
        raise ModelLoadError(
            "MLflow alone loads this model (python_function), and this image has no MLflow: build an image with mlflow "
            "and the model's requirements.txt from this one and name it in spec.image"
        ) from None
    try:
        model = pyfunc.load_model(str(folder))
    except Exception as error:  # noqa: BLE001 - it is the user's code
        raise ModelLoadError(
            f"MLflow cannot load the python_function ({type(error).__name__}: {first_line(error)})"
        ) from None
    return sklearn.wrap(model, folder / "MLmodel")
