"""The Kubernetes Job without a cluster: its container's command with the variable of each index, some killed and started anew as
Kubernetes does. All shards together have each picture once."""

import json
import os
import random
import re
import subprocess

import yaml
from common import archive, binary, differs, predicted, report, root, scratch

folder, paths = archive(600)
want = predicted(folder)
job = yaml.safe_load((root / "deploy" / "kubernetes-batch.yaml").read_text())
container = job["spec"]["template"]["spec"]["containers"][0]
answers = scratch / "answers"
answers.mkdir()


def start(index):
    env = {**os.environ, "JOB_COMPLETION_INDEX": str(index)}
    words = [re.sub(r"\$\((\w+)\)", lambda m: env[m[1]], word) for word in container["args"]]
    words = [word.replace("/answers", str(answers)) if "=" in word else word.replace("/archive", str(folder)) for word in words]
    return subprocess.Popen([binary, *words], env=env, stderr=subprocess.PIPE, text=True)


rows, killed, told = [], 0, []
for index in range(job["spec"]["completions"]):
    for last in (False, False, True):
        pod = start(index)
        try:
            said = pod.communicate(timeout=None if last else random.uniform(0.1, 1.5))[1]
            break
        except subprocess.TimeoutExpired:
            pod.kill()
            pod.communicate()
            killed += 1
    if pod.returncode != 0:
        report(f"shard {index}", said.strip()[-60:], "status 0", False)
    told.append(json.loads(said.splitlines()[-1]))
    rows += [json.loads(line) for line in open(answers / f"shard-{index}.ndjson")]
once = sorted(row["file"] for row in rows) == paths and sorted(row["index"] for row in rows) == list(range(len(paths)))
sizes = [t["pictures"] for t in told]
report(
    f"an Indexed Job's {len(sizes)} shards", f"{killed} pods killed, {len(rows)} rows, {min(sizes)} to {max(sizes)} a shard", f"{len(paths)} pictures, each once",
    once and all(t["complete"] for t in told),
)
wrong = sum(differs(row, want[row["file"]]) for row in rows)
report("their answers beside predict's", f"{wrong} of {len(rows)} differ", "0", wrong == 0)
