"""Measures spikeray beside its peers, in turn, in one run. Started by run.sh, which makes the environment for it."""

import argparse
import pathlib
import sys
import tempfile

from harness import goals, machine, report
from harness.workplace import ROOT, Effort, Workplace
from sections import file, footprint, linear, network, service, simulator, twin

SECTIONS = {"a": network, "b": file, "c": service, "d": simulator, "e": footprint, "f": linear, "g": twin}
RESULTS = ROOT / "bench" / "RESULTS.md"
QUIET = 0.1  # the most that others may take of the processors


def main():
    parser = argparse.ArgumentParser(prog="bench/run.sh", description=__doc__.splitlines()[0],
                                     epilog="A whole run writes bench/RESULTS.md; --quick and --only print and write nothing.")
    parser.add_argument("--quick", action="store_true", help="a trial: few rounds, few pictures, on a busy machine too")
    parser.add_argument("--only", default="".join(SECTIONS), metavar="LETTERS", help="these sections: " + "".join(SECTIONS))
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data",
                        help="folder with originals/ and kermany/; what is missing is left out or drawn, and said so")
    parser.add_argument("--spiking", type=pathlib.Path, default=ROOT / "models" / "snnxray-int8.safetensors", help="ours")
    parser.add_argument("--relu", type=pathlib.Path, default=ROOT / "models" / "cnnxray.safetensors", help="what the peers run too")
    args = parser.parse_args()
    if unknown := set(args.only) - set(SECTIONS):
        parser.error(f"no section {sorted(unknown)[0]!r}")

    for model in (args.spiking, args.relu):
        if not model.exists():
            parser.error(f"there is no model file {model}")

    taken = machine.busy()
    print(f"others take {taken:.0%} of the processors", file=sys.stderr)
    if taken > QUIET and not args.quick:
        sys.exit(f"that is more than {QUIET:.0%}: figures would tell of the others. Wait, or try the harness with --quick")
    effort = Effort(rounds=3, share=0.1) if args.quick else Effort(rounds=21, share=1)
    whole = set(args.only) == set(SECTIONS) and not args.quick
    with tempfile.TemporaryDirectory(prefix="spikeray-bench-") as room:
        w = Workplace(pathlib.Path(room), args.data, args.spiking, args.relu, effort, 4 if args.quick else None)
        text = measure(w, sorted(set(args.only)), taken)
    print(text)
    if whole:
        report.replace(RESULTS, text)


def measure(w, letters, taken) -> str:
    found, parts = {}, []
    stolen = machine.Stolen()
    for letter in letters:
        section = SECTIONS[letter]
        print(section.TITLE, file=sys.stderr, flush=True)
        parts.append(f"## {section.TITLE}\n\n{section.run(w, found)}")
    facts = machine.describe(ROOT, w.ours) + [
        ("models", ", ".join(f"{m.title} {m.description['version']}" for m in w.models.values())),
        ("pictures", w.pictures.origin),
        ("rounds", f"{w.effort.rounds}, fewer where a section says so"),
        ("others", f"took {taken:.1%} of the processors just before; the hypervisor kept {stolen.share():.1%} during"),
    ]
    head = "\n".join(f"- {what}: {value}" for what, value in facts)
    return "\n\n".join([head, f"## The goals\n\n{goals.table(found)}", *parts])


if __name__ == "__main__":
    main()
