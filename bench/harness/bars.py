"""What was aimed for, beside what was measured."""

from dataclasses import dataclass

from . import report


@dataclass(frozen=True)
class Bar:
    """`must` and `aim` are bounds on the median: at least for a ratio, at most for an amount with a unit."""

    key: str
    title: str
    must: float
    aim: float
    unit: str = "×"


BARS = (
    Bar("a_fp32", "network, batch 1, one thread, against ONNX Runtime float32", 4, 10),
    Bar("a_int8", "the same against ONNX Runtime int8", 2, 5),
    Bar("a_float", "float network against ONNX Runtime float32", 1, 1.6),
    Bar("g_int8", "default model against its ReLU twin in ONNX Runtime int8, one thread", 1.3, 3),
    Bar("g_fp32", "the same, float32", 4, 10),
    Bar("g_small", "JPEG of 224 pixels to probability, default model, against Pillow + the int8 twin", 3, 8),
    Bar("g_originals", "the same, originals", 2.2, 3),
    Bar("b_originals", "JPEG to probability, originals, against Pillow + ONNX Runtime float32", 2, 3),
    Bar("b_small", "the same, 224 pixels", 4, 8),
    Bar("h_originals", "throughput at sixteen connections, originals, default model, against the Python service with the int8 twin", 2.2, 3),
    Bar("h_small", "the same, 224 pixels", 5, 10),
    Bar("c_originals", "throughput at sixteen connections, originals, snnxray-int8, against the Python service with float32", 2, 3),
    Bar("c_small", "the same, 224 pixels", 5, 10),
    Bar("d_4", "T = 4 against snnTorch, one thread", 10, 25),
    Bar("d_8", "T = 8", 10, 25),
    Bar("d_16", "T = 16", 10, 25),
    Bar("f_few", "cost at .05 spikes a neuron and step, against .01", 2, 4),
    Bar("e_rest", "resident memory at rest", 40, 25, " MB"),
    Bar("e_load", "resident memory at sixteen connections", 120, 70, " MB"),
    Bar("e_start", "start to ready", 150, 50, " ms"),
)


def table(found: dict) -> str:
    """The bars that were measured; `found` holds a Spread by key."""
    rows = []
    for bar in BARS:
        if bar.key in found:
            s = found[bar.key]
            rows.append([bar.title, f"{bar.must:g}{bar.unit}", f"{bar.aim:g}{bar.unit}", f"**{report.number(s.median)}{bar.unit}**",
                         f"{report.number(s.low)} – {report.number(s.high)}", verdict(bar, s.median)])
    return report.table(["", "must", "aim", "measured", "quartiles", ""], rows)


def verdict(bar: Bar, value: float) -> str:
    """In a word, whether the bar was reached."""
    better = (lambda a, b: a >= b) if bar.unit == "×" else (lambda a, b: a <= b)
    return "beyond the aim" if better(value, bar.aim) else "reached" if better(value, bar.must) else "**missed**"
