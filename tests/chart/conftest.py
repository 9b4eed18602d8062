"""A local lake for the tests that run the steps."""

import subprocess

import pytest

from kubelet import PROGRAMS


@pytest.fixture
def lake(tmp_path):
    """The AWS variables of a local lake in the test's folder `lake`, which ends with the test."""
    where = ["--dir", tmp_path / "lake", "--bucket", "lake", "--database", "analytics"]
    command = [PROGRAMS / "lakeward-local", *where, "--until-stdin-ends"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield dict(exported(process))
        process.stdin.close()


def exported(process):
    """The variables that the lake prints, until what a program needs is there."""
    needed = {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
    while needed:
        name, value = process.stdout.readline().strip().removeprefix("export ").split("=", 1)
        needed.discard(name)
        yield name, value
