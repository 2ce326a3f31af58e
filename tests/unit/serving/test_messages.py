"""The messages of gRPC calls: whatever the bytes are, they become rows or a refusal that says why."""

import contextlib
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.outputs import PREDICT
from eagleray_serving.protocols.messages import parse_call, parse_infer
from eagleray_serving.protocols.proto.open_inference_pb2 import Contents, InferRequest
from eagleray_serving.rows import Signature
from eagleray_serving.signature import DTYPES
from unit.serving.asking import SEVERAL

NUMBERS = Signature(None)
_SMALL = st.integers(-1, 4)
_CONTENTS = st.builds(
    Contents,
    bool_contents=st.lists(st.booleans(), max_size=4),
    int_contents=st.lists(st.integers(-9, 9), max_size=4),
    fp32_contents=st.lists(st.floats(width=32), max_size=4),
    fp64_contents=st.lists(st.floats(), max_size=4),
    bytes_contents=st.lists(st.binary(max_size=3), max_size=4),
)
_TENSOR = st.builds(
    InferRequest.Input,
    name=st.sampled_from(["", "ids", "age", "x"]),
    datatype=st.sampled_from(["", "BYTES", "BF16", *DTYPES]),
    shape=st.lists(_SMALL, max_size=3),
    contents=_CONTENTS,
)
_CALL = st.builds(
    InferRequest,
    inputs=st.lists(_TENSOR, max_size=3),
    outputs=st.lists(st.builds(InferRequest.Output, name=st.sampled_from([PREDICT, "x"])), max_size=2),
    raw_input_contents=st.lists(st.binary(max_size=32), max_size=3),
)


def parse(body: bytes, signature: Signature) -> Any:
    return parse_infer(parse_call(body)[2], signature, (PREDICT,))


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    with contextlib.suppress(InvalidInputError):
        parse(body, NUMBERS)


@given(_CALL, st.sampled_from([NUMBERS, SEVERAL]))
def test_any_call(call: Any, signature: Signature) -> None:
    with contextlib.suppress(InvalidInputError):
        assert len(parse(call.SerializeToString(), signature).rows) > 0


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
def test_values_are_the_same_raw_and_typed(values: list[float]) -> None:
    typed, raw = InferRequest(), InferRequest()
    typed.inputs.add(name="x", datatype="FP32", shape=[len(values), 1]).contents.fp32_contents.extend(values)
    raw.inputs.add(name="x", datatype="FP32", shape=[len(values), 1])
    raw.raw_input_contents.append(np.array(values, np.float32).tobytes())
    one, other = (parse(call.SerializeToString(), NUMBERS).rows.arrays[0] for call in (typed, raw))
    assert np.array_equal(np.asarray(one, np.float64), np.asarray(other, np.float64))
