import pytest

from eagleray_serving.errors import ModelLoadError, first_line, last_line
from eagleray_serving.frameworks.weights import Weights, weights_of

WANTED = {"fc.weight": 1, "fc.bias": 2, "out.weight": 3}
OPTIMIZER = {"state": {0: {"step": 9}}, "param_groups": [{"lr": 0.1}]}


def called(prefix: str) -> Weights:
    return {prefix + name: value for name, value in WANTED.items()}


@pytest.mark.parametrize(
    "found",
    [
        WANTED,
        called("module."),
        called("_orig_mod."),
        called("module._orig_mod."),
        called("model."),
        {"epoch": 3, "model_state_dict": WANTED, "optimizer_state_dict": OPTIMIZER, "loss": 0.1},
        {"state_dict": called("model."), "hyper_parameters": {"lr": 0.1}, "callbacks": {}, "loops": {"fit": {"a": {}}}},
        {"model": called("module."), "optimizer": OPTIMIZER},
    ],
    ids=["plain", "ddp", "compiled", "both", "lightning module", "checkpoint", "lightning", "ddp checkpoint"],
)
def test_weights_as_trainers_keep_them(found: Weights) -> None:
    assert weights_of(found, WANTED.keys()) == WANTED


def test_a_module_of_one_weight_or_of_none() -> None:
    assert weights_of({"a.weight": 1}, ["weight"]) == {"weight": 1}
    assert weights_of({}, []) == {}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            {"fc.weight": 1, "fc.bias": 2, "head.weight": 3},
            "does not fit model.class: it lacks out.weight and has besides head.weight",
        ),
        ({"fc.weight": 1}, "does not fit model.class: it lacks fc.bias, out.weight"),
        ({**called("model."), "loss.weight": 1}, "has besides loss.weight, model.fc.bias, model.fc.weight and 1 more"),
        (
            {"epoch": 1, "net": {"a": 1}},
            r"its member 'net' \(of epoch, net\) lacks fc.bias, fc.weight, out.weight and has besides a",
        ),
        ({"model": WANTED, "ema": WANTED}, "holds several weights that fit: model, ema; save the ones to serve alone"),
        ({name.replace("fc.", "xfc."): 1 for name in WANTED}, "lacks fc.bias, fc.weight and has besides xfc.bias"),
    ],
)
def test_what_does_not_fit_is_named(found: Weights, words: str) -> None:
    with pytest.raises(ModelLoadError, match=words):
        weights_of(found, WANTED.keys())


def test_messages_have_no_colours() -> None:
    error = RuntimeError("two options, \x1b[1mdo those steps\x1b[0m\n\x1b[31mlast\x1b[0m")
    assert (first_line(error), last_line(error)) == ("two options, do those steps", "last")
