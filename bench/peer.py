"""Answers pictures with a peer's runtime when told to, and says how long that took.

The other half of the conversation is harness/contender.py; ours/main.go speaks it too. One line of JSON when ready,
then for each line of standard input:

    run N      N tasks, each of --batch pictures, from the first picture on; prints the nanoseconds that they took
    answers    every picture once; prints JSON: the probabilities
"""

import argparse
import importlib
import json
import pathlib
import sys
import time

import numpy as np

from peers import pictures

RUNTIMES = ("onnxruntime", "openvino", "torch", "snntorch", "spikingjelly")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runtime", choices=RUNTIMES)
    parser.add_argument("--network", required=True, help="an ONNX file for onnxruntime and openvino, else a model file")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prepared", help="prepared pictures, one after another, 8 bits a pixel: times the network alone")
    source.add_argument("--files", help="a list of pictures, a path a line: times the way from their bytes to the answer")
    parser.add_argument("--draft", action="store_true", help="let libjpeg scale while it decodes, which changes the answer a little")
    parser.add_argument("--windowed", action="store_true", help="files: through the default model's grey window")
    parser.add_argument("--size", type=int, required=True, help="side of a prepared picture")
    parser.add_argument("--scale", type=float, required=True, help="what each pixel is divided by")
    parser.add_argument("--positive", type=int, required=True, help="index of the label whose probability is asked for")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=0, help="time steps, for the simulators")
    parser.add_argument("--precision", default="f32", help="what openvino may calculate in")
    args = parser.parse_args()

    predict = importlib.import_module(f"peers.{args.runtime}_peer").load(args)
    if args.prepared:
        shown = np.fromfile(args.prepared, np.uint8).reshape(-1, 1, args.size, args.size).astype(np.float32) / np.float32(args.scale)
        count = len(shown)
        batches = [np.ascontiguousarray(shown[np.arange(i * args.batch, (i + 1) * args.batch) % count]) for i in range(count)]

        def task(i):
            return predict(batches[i % count])
    else:
        files = [pathlib.Path(line).read_bytes() for line in pathlib.Path(args.files).read_text().splitlines()]
        count = len(files)

        def task(i):
            return predict(pictures.prepare(files[i % count], args.size, args.scale, args.draft, args.windowed))

    say({"pictures": count, "threads": args.threads})
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "run":
            began = time.perf_counter_ns()
            for i in range(int(argument)):
                task(i)
            say(time.perf_counter_ns() - began)
        elif command == "answers":
            tasks = range(-(-count // args.batch))  # the last may go round to the first pictures again
            found = [float(p) for i in tasks for p in task(i)[:, args.positive]]
            say({"probabilities": found[:count]})
        else:
            sys.exit(f"unknown command {command!r}")


def say(value):
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
