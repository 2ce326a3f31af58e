"""Models that tests make of ONNX operators."""

from typing import Any

from onnx import TensorProto, helper


def two_of_each() -> Any:
    """`sum` of an image's pixels and a number a row, and `image` as it came."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["rows", 2, 2])
    bias = helper.make_tensor_value_info("bias", TensorProto.DOUBLE, ["rows"])
    total = helper.make_tensor_value_info("sum", TensorProto.DOUBLE, ["rows"])
    same = helper.make_tensor_value_info("same", TensorProto.FLOAT, ["rows", 2, 2])
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])
    nodes = [
        helper.make_node("ReduceSum", ["image", "axes"], ["pixels"], keepdims=0),
        helper.make_node("Cast", ["pixels"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("Add", ["wide", "bias"], ["sum"]),
        helper.make_node("Identity", ["image"], ["same"]),
    ]
    whole = helper.make_graph(nodes, "g", [image, bias], [total, same], [axes])
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
