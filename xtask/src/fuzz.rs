//! Fuzzing: every target of `fuzz/`, built with coverage counters, looks for new paths for a while.
//!
//! The counters are a pass of the stable compiler, and libFuzzer comes as the source of a crate, so that this needs
//! neither a nightly compiler nor cargo-fuzz; only a C++ compiler. There is no sanitizer for memory: what is fuzzed has
//! no unsafe code of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// How long each target looks in `test --full`.
pub(crate) const SECONDS: &str = "20";

/// What libFuzzer needs to see of a program, as cargo-fuzz asks the compiler for it.
const COVERAGE: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Documents that are committed elsewhere, and are examples for a target beside its own corpus.
const EXAMPLES: [(&str, &str); 1] = [("manifest", "crates/manifest/tests/documents")];

/// Lets every target look for `seconds`, from the seed `LAKEWARD_SEED` or one at random. An input that breaks a property is
/// left in `fuzz/artifacts/<target>/`.
pub(crate) fn run(workspace: &Workspace, seconds: &str) -> Result<()> {
    ensure!(
        seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0),
        "--seconds takes a number of at least 1"
    );
    let seed = seed()?;
    let root = workspace.layout().root();
    let folder = root.join("fuzz");
    let programs = build(workspace, &folder)?;
    for target in targets(&folder)? {
        println!("fuzzing {target} for {seconds} s, LAKEWARD_SEED={seed}");
        let mut corpora = vec![folder.join("corpus").join(&target)];
        let more = EXAMPLES.iter().filter(|(of, _)| *of == target);
        corpora.extend(more.map(|(_, examples)| root.join(examples)));
        let mut fuzzer = fuzzer(&folder, &target, &programs.join(&target))?;
        // libFuzzer takes 32 bits, and 0 for no seed.
        let seed = seed % u64::from(u32::MAX) + 1;
        // What is new goes into the folder that the fuzzer has already; these are read.
        fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-seed={seed}")).args(&corpora);
        process::run(&mut fuzzer).with_context(|| {
            format!("{target}: add the input to fuzz/corpus/{target} and mend what it breaks")
        })?;
    }
    Ok(())
}

/// Where random choices begin, as for the tests.
fn seed() -> Result<u64> {
    let random = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "seed");
    std::env::var("LAKEWARD_SEED").map_or_else(
        |_| Ok(random()),
        |seed| seed.parse().with_context(|| format!("LAKEWARD_SEED is no number: {seed}")),
    )
}

/// Builds all targets; the folder of the programs.
fn build(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let host = host()?;
    // In the clone, as cargo-fuzz has it: these crates are built otherwise than those of the shared target folder.
    let target = folder.join("target");
    let mut cargo = workspace.cargo();
    cargo.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", COVERAGE);
    // With a target named, the flags are not for build scripts and macros, which have no fuzzer to report to.
    cargo.args(["build", "--locked", "--release", "--bins", "--target", &host, "--manifest-path"]);
    process::run(cargo.arg(folder.join("Cargo.toml")))?;
    Ok(target.join(host).join("release"))
}

fn host() -> Result<String> {
    let version = process::capture(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` does not name its host")?.to_owned())
}

fn targets(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in files(&folder.join("fuzz_targets"))? {
        names.extend(file.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.sort();
    ensure!(!names.is_empty(), "{} has no targets", folder.display());
    Ok(names)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || format!("cannot list {}", folder.display());
    let entries = fs::read_dir(folder).with_context(read)?;
    entries.map(|entry| Ok(entry.with_context(read)?.path())).collect()
}

/// The program, with the folders that are its own: for inputs that take a new path, and for those that break a property.
fn fuzzer(folder: &Path, target: &str, program: &Path) -> Result<Command> {
    let (found, artifacts) =
        (folder.join("target/found").join(target), folder.join("artifacts").join(target));
    for made in [&found, &artifacts] {
        fs::create_dir_all(made).with_context(|| format!("cannot create {}", made.display()))?;
    }
    let mut fuzzer = Command::new(program);
    fuzzer.args(["-verbosity=0", "-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048"]);
    fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display())).arg(&found);
    Ok(fuzzer)
}
