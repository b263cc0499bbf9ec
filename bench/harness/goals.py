"""What was aimed for, beside what was measured."""

from dataclasses import dataclass

from . import report


@dataclass(frozen=True)
class Goal:
    """`near` and `far` are bounds on the median: at least for a ratio, at most for an amount with a unit."""

    key: str
    title: str
    near: float
    far: float
    unit: str = "×"


GOALS = (
    Goal("a_fp32", "network, batch 1, one thread, against ONNX Runtime float32", 7, 10),
    Goal("a_int8", "the same against ONNX Runtime int8", 3.5, 5),
    Goal("a_float", "float network against ONNX Runtime float32", 1, 1.6),
    Goal("g_int8", "default model against its ReLU twin in ONNX Runtime int8, one thread", 1.3, 3),
    Goal("g_fp32", "the same, float32", 4, 10),
    Goal("g_small", "JPEG of 224 pixels to probability, default model, against Pillow + the int8 twin", 3, 8),
    Goal("g_originals", "the same, originals", 2.2, 3),
    Goal("b_originals", "JPEG to probability, originals, against Pillow + ONNX Runtime float32", 2, 3),
    Goal("b_small", "the same, 224 pixels", 4, 8),
    Goal("h_originals", "throughput at sixteen connections, originals, default model, against the Python service with the int8 twin", 2.2, 3),
    Goal("h_small", "the same, 224 pixels", 5, 10),
    Goal("c_originals", "throughput at sixteen connections, originals, snnxray-int8, against the Python service with float32", 2, 3),
    Goal("c_small", "the same, 224 pixels", 5, 10),
    Goal("d_4", "T = 4 against snnTorch, one thread", 10, 25),
    Goal("d_8", "T = 8", 10, 25),
    Goal("d_16", "T = 16", 10, 25),
    Goal("f_few", "cost at .05 spikes a neuron and step, against .01", 2, 4),
    Goal("e_rest", "resident memory at rest", 36, 25, " MB"),
    Goal("e_load", "resident memory at sixteen connections", 110, 70, " MB"),
    Goal("e_start", "start to ready", 150, 50, " ms"),
)


def table(found: dict) -> str:
    """The goals that were measured; `found` holds a Spread by key."""
    rows = []
    for goal in GOALS:
        if goal.key in found:
            s = found[goal.key]
            rows.append([goal.title, f"{goal.near:g}{goal.unit}", f"{goal.far:g}{goal.unit}", f"**{report.number(s.median)}{goal.unit}**",
                         f"{report.number(s.low)} – {report.number(s.high)}", verdict(goal, s.median)])
    return report.table(["", "near", "far", "measured", "quartiles", ""], rows)


def verdict(goal: Goal, value: float) -> str:
    """In a word, whether the goal was reached."""
    better = (lambda a, b: a >= b) if goal.unit == "×" else (lambda a, b: a <= b)
    return "the far goal reached" if better(value, goal.far) else "reached" if better(value, goal.near) else "**missed**"
