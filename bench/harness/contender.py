"""A process that answers pictures when told to and says how long that took: ours/main.go or peer.py."""

import json
import os
import shutil
import subprocess


# What is large goes back to the system after every picture otherwise, and comes back page by page: that alone made Torch's
# figures two to three times as long. The peers are measured at their best.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(1 << 28), "MALLOC_MMAP_THRESHOLD_": str(1 << 28)}


class ContenderError(RuntimeError):
    """A contender that did not start, or ended while it was measured."""


class Contender:
    """`command` is started on the processors `cores`; use it in a `with`."""

    def __init__(self, name: str, command: list[str], cores: list[int]):
        self.name, self.cores = name, cores
        environment = {**os.environ, "OMP_NUM_THREADS": str(len(cores)), "GOMAXPROCS": str(len(cores)), **KEEP_MEMORY}
        self.process = subprocess.Popen(pinned(command, cores), env=environment, text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.ready = json.loads(self._line())
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, tasks: int) -> float:
        """Seconds a task, over that many from the first picture on."""
        return int(self._ask(f"run {tasks}")) / tasks / 1e9

    def answers(self) -> dict:
        """What it makes of each picture: `probabilities`, and `spike_rate` if it is ours."""
        return json.loads(self._ask("answers"))

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _ask(self, command):
        try:
            self.process.stdin.write(command + "\n")
        except BrokenPipeError:
            pass  # the line that does not come says so
        return self._line()

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise ContenderError(f"{self.name} ended; what it said on standard error stands above")
        return line


def pinned(command: list[str], cores: list[int]) -> list[str]:
    """The command held to these processors, where the system has taskset."""
    if shutil.which("taskset") is None:
        return command
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]
