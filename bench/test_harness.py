"""`python -m unittest discover bench`: what turns times into figures. Needs only the standard library."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import goals, report  # noqa: E402
from harness.pairs import Spread, interleave, ratio  # noqa: E402


class Recorded:
    """A contender whose times are known."""

    def __init__(self, name, log, seconds):
        self.name, self.log, self.seconds = name, log, iter(seconds)

    def run(self, tasks):
        self.log.append((self.name, tasks))
        return next(self.seconds) if tasks > 1 else 0.0


class Figures(unittest.TestCase):
    def test_contenders_take_turns_and_warm_up_is_left_out(self):
        log = []
        found = interleave([Recorded("a", log, [1, 2]), Recorded("b", log, [3, 4])], rounds=2, tasks=9, warmup=1)
        self.assertEqual(found, {"a": [1, 2], "b": [3, 4]})
        self.assertEqual(log[2:], [("a", 1), ("a", 9), ("b", 1), ("b", 9)] * 2)

    def test_a_ratio_is_taken_round_by_round(self):
        # A slow second round slows both: the ratio must not notice.
        self.assertEqual(ratio([4.0, 400.0, 4.0], [2.0, 200.0, 2.0]), Spread(2, 2, 2, 2))
        self.assertEqual(ratio([1.0, 6.0, 2.0], [1.0, 2.0, 1.0]).median, 2)
        with self.assertRaises(ValueError):
            ratio([1.0], [1.0, 2.0])

    def test_quartiles(self):
        self.assertEqual(Spread.of([5, 1, 2, 4, 3]), Spread(3, 2, 4, 1))
        self.assertEqual(Spread.of([7]), Spread(7, 7, 7, 7))


class Words(unittest.TestCase):
    def test_three_significant_digits(self):
        for value, text in ((0.00123, "0.0012"), (0.0456, "0.046"), (0.996, "1.00"), (9.949, "9.95"), (9.96, "10.0"), (99.6, "100"), (1234.5, "1234")):
            self.assertEqual(report.number(value), text)

    def test_only_what_stands_between_the_markers_is_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "RESULTS.md"
            path.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
            report.replace(path, "new\n")
            self.assertEqual(path.read_text(), f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n")
            path.write_text("no markers")
            with self.assertRaises(ValueError):
                report.replace(path, "new")

    def test_a_ratio_must_be_high_and_an_amount_low(self):
        speed, memory = goals.Goal("a", "", 2, 5), goals.Goal("b", "", 40, 25, " MB")
        self.assertEqual([goals.verdict(speed, v) for v in (1.99, 2, 5)], ["**missed**", "reached", "the far goal reached"])
        self.assertEqual([goals.verdict(memory, v) for v in (40.1, 40, 25)], ["**missed**", "reached", "the far goal reached"])


if __name__ == "__main__":
    unittest.main()
