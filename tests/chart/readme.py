"""The table of values in the chart's README, from the comments of values.yaml.

A comment that begins with `--` describes the key below it. `python readme.py --write` puts the table into README.md.
"""

import json
import re
import sys

import yaml

import chart

README = chart.CHART / "README.md"
BEGIN, END = "<!-- values: made from values.yaml by `cargo xtask chart --readme` -->\n", "<!-- end of values -->\n"


def described(text):
    """The paths of keys and their descriptions, in the file's order."""
    found, above, comment = {}, [], []
    for line in text.splitlines():
        if match := re.fullmatch(r"\s*# -- (.*)", line):
            comment = [match[1]]
        elif comment and (match := re.fullmatch(r"\s*# (.*)", line)):
            comment.append(match[1])
        elif match := re.match(r"( *)([\w-]+):", line):
            depth = len(match[1]) // 2
            above = [*above[:depth], match[2]]
            if comment:
                found[".".join(above)] = " ".join(comment)
            comment = []
    return found


def leaves(values, described_paths, path=()):
    """The paths of all that a user can set: what is described, or holds nothing below it."""
    for key, value in values.items():
        name = ".".join((*path, key))
        if name in described_paths or not isinstance(value, dict) or not value:
            yield name, value
        else:
            yield from leaves(value, described_paths, (*path, key))


def table(text):
    """The Markdown table."""
    descriptions = described(text)
    rows = ["| value | default | what it is |", "| --- | --- | --- |"]
    for path, default in leaves(yaml.safe_load(text), descriptions):
        shown = json.dumps(default, ensure_ascii=False).replace("|", "\\|")
        rows.append(f"| `{path}` | `{shown}` | {descriptions.get(path, '')} |")
    return "\n".join(rows) + "\n"


def renewed(readme, values):
    """The README with the table of these values."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table(values)}\n{END}{after}"


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: readme.py --write")
    README.write_text(renewed(README.read_text(), (chart.CHART / "values.yaml").read_text()))
