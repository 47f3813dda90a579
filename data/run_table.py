"""What the converters of published tables share: strict reading of a CSV, one line a run."""

import csv
import json
import math
import os
import sys


class Mistake(Exception):
    """A line for the user: file, line, column, what was expected and found."""


class Row:
    def __init__(self, path, line, values):
        self.path, self.line, self.values = path, line, values

    def fail(self, column, expected):
        found = self.values[column] or "nothing"
        raise Mistake(f"{self.path}:{self.line}: {column}: expected {expected}, found {found!r:.60}")

    def text(self, column):
        return self.values[column] or None

    def real(self, column, factor=1):
        """A positive number times FACTOR; None where the cell is empty."""
        if self.values[column] == "":
            return None
        try:
            value = float(self.values[column])
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            self.fail(column, "a positive number")
        return value * factor

    def need(self, column, factor=1):
        value = self.real(column, factor)
        if value is None:
            self.fail(column, "a positive number")
        return value

    def count(self, column, least=1):
        try:
            value = float(self.values[column])
        except ValueError:
            value = math.nan
        if not (least <= value <= 2**53 and value == math.floor(value)):
            self.fail(column, f"a whole number from {least}")
        return int(value)

    def one_of(self, column, table):
        """TABLE's entry of the cell."""
        if self.values[column] not in table:
            self.fail(column, f"one of {', '.join(map(str, table))}")
        return table[self.values[column]]


def rows(path, needed):
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        missing = [column for column in needed if column not in header]
        if missing:
            raise Mistake(f"{path}:1: {missing[0]}: expected a column of this name, found "
                          f"{', '.join(header)[:60]!r}")
        for values in reader:
            if len(values) != len(header):
                raise Mistake(f"{path}:{reader.line_num}: expected {len(header)} columns, found "
                              f"{len(values)}")
            yield Row(path, reader.line_num, dict(zip(header, values)))


def known(members):
    """An object without what is not known; None if nothing is."""
    return {key: value for key, value in members.items() if value is not None} or None


def convert(needed, run_of, left_out_if="without joules"):
    """Prints a line for each row of the file that the command line names. RUN_OF returns the run of
    a row, or None: left out, which is counted and said to be LEFT_OUT_IF. Returns the exit status."""
    program, paths = os.path.basename(sys.argv[0]), sys.argv[1:]
    if len(paths) != 1 or paths[0].startswith("-"):
        print(f"usage: {program} TABLE.csv > runs.jsonl", file=sys.stderr)
        return 2
    left_out = 0
    try:
        for row in rows(paths[0], needed):
            run = run_of(row)
            if run is None:
                left_out += 1
                continue
            line = known({"schema": "joulecast.run/1", **run})
            print(json.dumps(line, separators=(",", ":")))
    except Mistake as mistake:
        print(mistake, file=sys.stderr)
        return 3
    except BrokenPipeError:
        return 1
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        print(f"{paths[0]}: cannot read: {getattr(error, 'strerror', None) or error}",
              file=sys.stderr)
        return 3
    if left_out > 0:
        print(f"{program}: {paths[0]}: {left_out} rows {left_out_if} are left out",
              file=sys.stderr)
    return 0
