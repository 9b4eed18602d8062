"""Argo's own code, as `tests/chart/argo-tool` wraps it."""

import json
import os
import subprocess


def run(*arguments, asked=None):
    """Runs the program to its end."""
    command = [os.environ["LAKEWARD_ARGO"], *map(str, arguments)]
    return subprocess.run(command, input=asked, capture_output=True, text=True, check=False)


def lint(path, objects):
    """Whether Argo's linter takes the objects that are Argo's, and what it says; `path` is for its input."""
    path.write_text("\n---\n".join(json.dumps(o) for o in objects if o["apiVersion"].startswith("argoproj.io/")))
    done = run("lint", path)
    return done.returncode == 0, done.stdout + done.stderr


def evaluate(variables, **asked):
    """A template with its variables replaced, or whether a condition holds."""
    done = run("evaluate", asked=json.dumps({**asked, "variables": variables}))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
