"""Asks `spikeray pipe` about pictures that are in memory, for workers of Spark, Ray and the like. Needs Python alone.

The program ends with its standard input, so it cannot outlive the process that asks, however that ends.
"""

import json
import subprocess
import tempfile
import threading


class PipeError(RuntimeError):
    """The program ended, or could not be started."""


class Pipe:
    """A running `spikeray pipe`; a context manager.

    command is the program with its flags, such as ["spikeray", "pipe", "--workers=1", "--operating-point=screening"].
    """

    def __init__(self, command):
        self.command = [str(word) for word in command]
        self.process = None

    def rows(self, pictures, tries=2):
        """The program's answers to pictures, pairs of a name and the file's bytes: a line of JSON each, in their order.

        A picture without an answer has a line, too, with the keys problem and error. If the program ends, it is started anew
        and asked again, tries times in all; then PipeError is raised.
        """
        pictures = list(pictures)
        for left in reversed(range(tries)):
            try:
                return self._ask(pictures)
            except PipeError:
                self.close()
                if not left:
                    raise
        return []

    def answers(self, pictures, tries=2):
        """As rows, but dictionaries."""
        return [json.loads(row) for row in self.rows(pictures, tries)]

    def _ask(self, pictures):
        self._start()
        writer = threading.Thread(target=self._send, args=(self.process.stdin, pictures), daemon=True)
        writer.start()
        rows = []
        for _ in pictures:
            row = self.process.stdout.readline()
            if not row.endswith(b"\n"):  # cut, or none
                raise PipeError(f"{' '.join(self.command)} ended: {self._said()}")
            rows.append(row.decode().rstrip("\n"))
        writer.join()
        return rows

    def _start(self):
        if self.process is not None:
            return
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        except OSError as error:
            raise PipeError(f"{self.command[0]}: {error}") from error

    @staticmethod
    def _send(stdin, pictures):
        try:
            for name, file in pictures:
                name = name.encode(errors="surrogateescape")
                stdin.write(len(name).to_bytes(4, "big") + name + len(file).to_bytes(8, "big"))
                stdin.write(file)
            stdin.flush()
        except (OSError, ValueError):  # it ended, or was closed: who reads the answers says so
            pass

    def _said(self):
        status = self.process.wait()
        self.errors.seek(0)
        return f"status {status}, {self.errors.read()[-2000:].decode(errors='replace').strip()}"

    def close(self):
        """Ends the program."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.kill()  # whatever it still computes, nobody waits for
        process.wait()
        for file in (process.stdout, self.errors):
            file.close()
        try:
            process.stdin.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
