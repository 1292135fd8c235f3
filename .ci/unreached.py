"""Compares the lines that a coverage report (lcov) has no test reach with the list of those, which has a
reason above each: lines that are not listed, and listed lines that are reached, are told, and are an
error."""

import pathlib
import sys


def unreached(report):
    """Each line of src that no test reaches, as its file and its text."""
    found, source, lines = set(), None, []
    for record in pathlib.Path(report).read_text().splitlines():
        kind, _, value = record.partition(":")
        if kind == "SF":
            path = pathlib.Path(value)
            source = path.relative_to(pathlib.Path.cwd()).as_posix()
            lines = path.read_text().splitlines()
        elif kind == "DA" and source.startswith("src/"):
            number, count = value.split(",")[:2]
            text = lines[int(number) - 1].strip()
            if count == "0" and any(map(str.isalnum, text)):
                found.add((source, text))
    return found


def listed(path):
    """Each line of the list that is no reason and not empty."""
    lines = pathlib.Path(path).read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    return {tuple(line.split(": ", 1)) for line in lines}


def main():
    found, known = unreached(sys.argv[1]), listed(sys.argv[2])
    for source, text in sorted(found - known):
        print(f"no test reaches  {source}: {text}")
    for source, text in sorted(known - found):
        print(f"a test reaches, or there is no such line as  {source}: {text}")
    sys.exit(found != known)


main()
