# Two images: `lakeward` (the last target, and so the default) and `lakeward-slim`, which has no DuckDB. How to build and
# run them: docs/IMAGE.md.
#
# What is compiled and what the images hold of Debian both come from this one base: a Debian with the Rust compiler. Give its
# digest for builds that others are to repeat: --build-arg BASE=rust@sha256:…
ARG BASE=rust:1.95.0-bookworm

# Compiles on the builder's own platform, for the image's: nothing large is ever emulated. The tools for that are Debian's and
# Rust's; which DuckDB it needs, and its SHA-256, is in xtask/src/pins.rs.
FROM --platform=$BUILDPLATFORM ${BASE} AS build
ARG BUILDARCH
ARG TARGETARCH
RUN set -eu; \
    [ "${TARGETARCH}" != "${BUILDARCH}" ] || exit 0; \
    case "${TARGETARCH}" in \
        amd64) gcc=gcc-x86-64-linux-gnu rust=x86_64-unknown-linux-gnu ;; \
        arm64) gcc=gcc-aarch64-linux-gnu rust=aarch64-unknown-linux-gnu ;; \
        *) echo "no image is built for ${TARGETARCH}" >&2; exit 1 ;; \
    esac; \
    apt-get update --quiet=2; \
    apt-get install --yes --quiet=2 --no-install-recommends "${gcc}" "libc6-dev-${TARGETARCH}-cross"; \
    rm -rf /var/lib/apt/lists/*; \
    [ -d "$(rustc --print target-libdir --target "${rust}")" ] || rustup target add "${rust}"
WORKDIR /src
COPY . .
# Crates, DuckDB and compiled dependencies stay in the cache. The workspace's own crates are compiled anew: whether those in
# the cache are fresh would be told by times, which say nothing in a build context. The note is of who compiled them.
RUN --mount=type=cache,target=/cache,sharing=locked set -eu; \
    export CARGO_HOME=/cache/cargo XDG_CACHE_HOME="/cache/$(uname -m)"; \
    rm -f "${XDG_CACHE_HOME}/lakeward/target/last-clone"; \
    cargo xtask programs /out --platform "linux/${TARGETARCH}"

# What the images take of it. Programs that were compiled elsewhere stand in for it: --build-context programs=FOLDER
FROM scratch AS programs
COPY --from=build /out/ /

# The part of Debian that the programs need, with the notes of dpkg by which scanners know its version, and the licences.
FROM ${BASE} AS debian
RUN set -eu; \
    take() { \
        mkdir -p "$1/var/lib/dpkg/status.d"; \
        dpkg --listfiles "$2" | sed -nE 's,^/((usr/)?lib(64)?/.*\.so(\.[0-9]+)*)$,\1,p' | grep -vE '/(gconv|audit)/' \
            | tar -cC / --no-recursion --files-from=- | tar -xC "$1"; \
        dpkg --status "$2" > "$1/var/lib/dpkg/status.d/$2"; \
        install -D -m 644 "/usr/share/doc/$2/copyright" "$1/usr/share/doc/$2/copyright"; \
    }; \
    take /runtime libc6; \
    take /runtime libgcc-s1; \
    take /engine libstdc++6; \
    cd /runtime; \
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt; \
    install -D -m 644 /usr/share/doc/ca-certificates/copyright usr/share/doc/ca-certificates/copyright; \
    dpkg --status ca-certificates > var/lib/dpkg/status.d/ca-certificates; \
    cp -L /etc/os-release etc/os-release; \
    echo 'root:x:0:0:root:/nonexistent:/sbin/nologin' > etc/passwd; \
    echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >> etc/passwd; \
    printf 'root:x:0:\nnonroot:x:65532:\n' > etc/group; \
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' > etc/nsswitch.conf; \
    mkdir -p tmp home/nonroot; \
    chmod -R u=rwX,go=rX /runtime /engine; \
    mkdir -m 1777 /engine/scratch

# What both images have.
FROM scratch AS common
ARG VERSION=0.1.0
ARG REVISION=unknown
COPY --from=debian /runtime/ /
COPY --from=programs share/doc/lakeward/LICENSE share/doc/lakeward/THIRD-PARTY share/doc/lakeward/RUST-LIBRARY.html \
    /usr/share/doc/lakeward/
COPY --from=programs bin/lakeward-register bin/lakeward-swap bin/lakeward-gc bin/lakeward-status /usr/local/bin/
ENV PATH=/usr/local/bin
USER 65532:65532
WORKDIR /
CMD ["lakeward-status", "--help"]
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# register, swap, gc and status.
FROM common AS lakeward-slim
COPY --from=programs share/doc/lakeward/lakeward-slim.cdx.json /usr/share/doc/lakeward/
LABEL org.opencontainers.image.title="lakeward-slim" \
      org.opencontainers.image.description="Publishes DuckDB query results as lake tables: the steps without DuckDB"

# All programs, and DuckDB with its extension.
FROM common AS lakeward
COPY --from=programs share/doc/lakeward/lakeward.cdx.json /usr/share/doc/lakeward/
COPY --from=debian /engine/ /
COPY --from=programs lib/ /usr/local/lib/
COPY --from=programs bin/lakeward-write bin/lakeward-verify bin/lakeward-iam /usr/local/bin/
ENV LAKEWARD_EXTENSION_DIR=/usr/local/lib/extensions \
    LAKEWARD_SCRATCH=/scratch
LABEL org.opencontainers.image.title="lakeward" \
      org.opencontainers.image.description="Publishes DuckDB query results as lake tables: Parquet on S3, AWS Glue"
