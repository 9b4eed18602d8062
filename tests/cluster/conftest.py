"""One cluster for all tests. `cargo xtask cluster` says in the environment where its programs are."""

import os

import pytest
from cluster import Cluster
from lake import Jobs, Workflows, install_workflows


@pytest.fixture(scope="session")
def whole_cluster():
    cluster = Cluster(os.environ["LAKEWARD_CLUSTER"], os.environ["LAKEWARD_HELM"])
    cluster.start()
    return cluster


@pytest.fixture
def cluster(whole_cluster):
    yield whole_cluster
    whole_cluster.local("faults", method="DELETE")


@pytest.fixture(scope="session")
def release(whole_cluster):
    install_workflows(whole_cluster)


@pytest.fixture
def workflows(cluster, release):
    return Workflows(cluster)


@pytest.fixture
def jobs(cluster):
    return Jobs(cluster)
