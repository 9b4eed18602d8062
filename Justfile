# Short names for the project's tasks; `cargo xtask` has them all.

_default:
    @just --list

# Publish the example data to a local lake, mishaps included.
demo:
    cargo xtask demo

# Everything that has to pass before a change lands.
test:
    cargo xtask test

# The same, then against components that others wrote.
full:
    cargo xtask test --full

# Lint, render, validate and test the Helm chart.
chart:
    cargo xtask chart

# Run the Helm chart in a Kubernetes with Argo Workflows.
cluster:
    cargo xtask cluster

# Build the container images without a registry, and run the pipeline from them.
image:
    cargo xtask image

# Format the code.
fmt:
    cargo fmt --all

# Only rustfmt and clippy.
lint:
    cargo xtask lint

# Licences, bans and sources of all dependencies.
deny:
    cargo xtask deny

# The bill of materials of what is shipped.
sbom:
    cargo xtask sbom

# Look for texts from outside that break a promise.
fuzz:
    cargo xtask fuzz
