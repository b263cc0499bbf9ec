"""Prints tests of promtool for the query by which KEDA scales, as the chart makes it.

    python3 keda_test.py MANIFESTS.yaml >test.yml && promtool test rules test.yml
"""

import sys

import yaml

OF = '{namespace="default", service="spikeray-operators"'
INTERVAL, SAMPLES = "15s", 40


def case(says, want, depth=0, batch=0, full=0, late=0, working=0.0):
    """One state of two pods of two workers: each gauge, counts a minute of what is turned away, and seconds of work a second."""
    per = {"spikeray_queue_depth": depth, "spikeray_queue_batch_depth": batch, "spikeray_workers": 2}
    series = []
    for pod in "ab":
        of = f'{OF}, instance="{pod}"'
        series += [{"series": f"{name}{of}}}", "values": f"{value}x{SAMPLES}"} for name, value in per.items()]
        for reason, minute in [("queue_full", full), ("queue_time", 0), ("deadline", late), ("timeout", 60)]:
            series.append({"series": f'spikeray_rejections_total{of}, reason="{reason}"}}', "values": f"0+{minute / 4}x{SAMPLES}"})
        for stage, second in [("infer", working), ("total", 100), ("queue", 100)]:
            series.append({"series": f'spikeray_stage_duration_seconds_sum{of}, stage="{stage}"}}', "values": f"0+{second * 15}x{SAMPLES}"})
    # Another service, of which nothing may count.
    series.append({"series": 'spikeray_queue_depth{namespace="default", service="other"}', "values": f"1000x{SAMPLES}"})
    return {"name": says, "interval": INTERVAL, "input_series": series, "promql_expr_test": [{"expr": QUERY, "eval_time": "5m", "exp_samples": [{"labels": "{}", "value": want}]}]}


[scaled] = [o for o in yaml.safe_load_all(open(sys.argv[1])) if o and o["kind"] == "ScaledObject"]
QUERY = scaled["spec"]["triggers"][0]["metadata"]["query"]
tests = [
    case("nothing waits", 0),
    case("what somebody waits for", 10, depth=5),
    case("batches wait, and nobody for them", 0, depth=40, batch=40, working=2),
    case("both", 6, depth=40, batch=37, working=2),
    case("what is turned away counts, a batch too", 88, depth=40, batch=40, full=44, working=2),
    case("deadlines that are missed while the workers are busy", 24, late=12, working=1.9),
    case("deadlines that nobody could meet", 0, late=12, working=0.1),
]
yaml.safe_dump({"rule_files": [], "evaluation_interval": INTERVAL, "tests": tests}, sys.stdout, sort_keys=False)
