//! What programs are built for: this machine, or another platform of Linux.

use std::env::consts::{ARCH, OS};

use anyhow::{Context, Result};

/// An operating system and a processor, by the names of [`std::env::consts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) os: &'static str,
    pub(crate) arch: &'static str,
}

impl Target {
    /// This machine.
    pub(crate) const HOST: Self = Self { os: OS, arch: ARCH };

    /// Those that images are built for.
    pub(crate) const IMAGES: [Self; 2] =
        [Self { os: "linux", arch: "x86_64" }, Self { os: "linux", arch: "aarch64" }];

    /// What containers name so.
    pub(crate) fn of_platform(platform: &str) -> Result<Self> {
        let named = Self::IMAGES.into_iter().find(|target| target.platform() == platform);
        named.with_context(|| format!("no image is built for {platform}; give linux/amd64 or linux/arm64"))
    }

    /// How containers name it.
    pub(crate) fn platform(self) -> String {
        format!("{}/{}", self.os, self.container_arch())
    }

    /// How containers name the processor.
    pub(crate) fn container_arch(self) -> &'static str {
        match self.arch {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
    }

    /// What another machine's compiler calls it, or nothing when it is this machine.
    pub(crate) fn foreign_triple(self) -> Option<String> {
        (self != Self::HOST).then(|| format!("{}-unknown-linux-gnu", self.arch))
    }

    /// The C compiler that links for it on another machine, as Debian names it.
    pub(crate) fn cross_compiler(self) -> String {
        format!("{}-linux-gnu-gcc", self.arch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_no_foreign_target() {
        assert_eq!(Target::HOST.foreign_triple(), None);
    }

    #[test]
    fn a_platform_is_known_by_the_name_that_containers_have_for_it() {
        for platform in ["linux/amd64", "linux/arm64"] {
            let target = Target::of_platform(platform).unwrap();
            assert_eq!(target.platform(), platform);
        }
        assert!(Target::of_platform("linux/riscv64").is_err());
        assert!(Target::of_platform("windows/amd64").is_err());
    }
}
