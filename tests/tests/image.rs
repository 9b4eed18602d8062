//! The images as a cluster runs them: `cargo xtask image` builds both and runs these, with no network but loopback.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use lakeward_local::{Effect, LocalLake, Options, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::image::{Container, File, Image, Images, NO_SHELL, Scratch};
use lakeward_tests::lake::{Lake, endpoint};
use lakeward_tests::servers::{Forbidden, Site};
use lakeward_tests::table::{DAYS, IN_PARTS, LARGE, Run};
use tempfile::TempDir;

/// The user of the images.
const USER: u32 = 65532;
/// The programs of the image without DuckDB.
const SLIM: [&str; 4] = ["lakeward-gc", "lakeward-register", "lakeward-status", "lakeward-swap"];
/// Those that only the other one has.
const ONLY_FULL: [&str; 3] = ["lakeward-iam", "lakeward-verify", "lakeward-write"];
/// What DuckDB may keep in memory, in bytes, and a result that is larger.
const MEMORY: u64 = 128 << 20;
const LARGER_THAN_MEMORY: &str =
    "SELECT range AS a, md5(range::VARCHAR) || sha256(range::VARCHAR) AS b FROM range(3000000)";

/// Scenarios that run a printed command.
const FORBIDDEN: [Forbidden; 3] = [
    by_a_shell("status_names_the_command_that_continues_each_run"),
    by_a_shell("a_failing_step_prints_the_command_that_continues"),
    by_a_shell("status_tells_the_live_run_and_what_failed"),
];

/// What an emulator cannot do.
const EMULATED: Forbidden = Forbidden {
    scenario: "a_full_scratch_disk_leaves_nothing_behind",
    says: "it takes longer than",
    hides: "that a file beyond the kernel's limit fails the write: QEMU then ends itself by SIGXFSZ, which process 1 outlives",
};

const fn by_a_shell(scenario: &'static str) -> Forbidden {
    Forbidden { scenario, says: NO_SHELL, hides: "that a shell outside of the containers takes the command" }
}

/// Containers with a scratch folder that outlives them, to look at.
fn with_folder() -> Result<(Container, TempDir)> {
    let folder = TempDir::new()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777))?;
    let scratch = Scratch::Folder(folder.path().to_owned());
    Ok((Container::new(Images::from_environment()?).with_scratch(scratch), folder))
}

fn entries(folder: &Path) -> Result<Vec<String>> {
    let name = |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    fs::read_dir(folder)?.map(name).collect()
}

/// The bytes of all files below a folder.
fn bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        sum += if about.is_dir() { bytes(&entry.path())? } else { about.len() };
    }
    Ok(sum)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_runs_from_the_images() -> Result<()> {
    let lake = LocalLake::start(Options::default()).await?;
    let site = Site::prepare(endpoint(&lake), endpoint(&lake)).await?;
    let containers = Container::new(Images::from_environment()?);
    let emulated = std::env::var_os("LAKEWARD_IMAGE_EMULATED").map(|_| EMULATED);
    let gaps: Vec<_> = FORBIDDEN.into_iter().chain(emulated).collect();
    site.in_containers(containers).play(&gaps).await.into_result()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_program_of_an_image_starts_without_any_volume() -> Result<()> {
    let images = Images::from_environment()?;
    let container = Container::new(images.clone()).with_scratch(Scratch::Nothing);
    let all = SLIM.iter().chain(&ONLY_FULL).map(|program| (images.full(), program));
    for (image, program) in all.chain(SLIM.iter().map(|program| (images.slim(), program))) {
        let told = container.program(image, program).arg("--version").output().await?;
        let version = format!("{program} {}\n", env!("CARGO_PKG_VERSION"));
        ensure!(
            told.status.success() && told.stdout == version.as_bytes(),
            "{} does not run {program}: {told:?}",
            image.name()
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_process_1_ends_at_sigterm_without_a_trace() -> Result<()> {
    let (container, scratch) = with_folder()?;
    let lake = Lake::start().await?;
    let backend = lake.backend().clone().in_containers(container)?;
    let table = backend.table("orders");
    let write = table.write(DAYS[0], LARGE).args(IN_PARTS);
    let fault = lake.faults().set(Rule::new(When::After, Effect::Pause).operation("UploadPart"));
    let mut running = write.start().await?;
    running.reaches(&fault).await?;
    let while_it_runs = entries(scratch.path())?;
    assert_eq!(while_it_runs.len(), 1, "it keeps its files elsewhere than in scratch: {while_it_runs:?}");
    running.terminate().await?;
    running.ended().await?.into_refusal(Kind::Transient, &["told to stop"])?;
    lake.faults().clear();
    table.has_no_leftovers().await?;
    assert_eq!(entries(scratch.path())?, [""; 0]);
    let run = table.published(&write).await?;
    table.shows(&run, LARGE).await
}

/// Nothing else can be written to, so that a file anywhere else would fail it.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_memory_is_spilled_to_scratch_alone() -> Result<()> {
    let (container, scratch) = with_folder()?;
    let lake = Lake::start().await?;
    let backend = lake.backend().clone().in_containers(container)?;
    let table = backend.table("spilled");
    let write = table.write(DAYS[0], LARGER_THAN_MEMORY).args(["--sort-by=b", "--threads=1"]);
    let write = write.arg(format!("--memory-limit={MEMORY}")).env("HOME", "/nowhere");
    let fault = lake.faults().set(Rule::new(When::Before, Effect::Pause).operation("UploadPart"));
    let mut running = write.start().await?;
    running.reaches(&fault).await?;
    let spilled = bytes(scratch.path())?;
    assert!(spilled > MEMORY, "only {spilled} bytes are in scratch");
    lake.faults().clear();
    let written = running.ended().await?.into_result()?;
    assert_eq!(written["rows"], 3_000_000);
    assert_eq!(entries(scratch.path())?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_write_and_sql_checks_need_scratch() -> Result<()> {
    let lake = Lake::start().await?;
    let images = Images::from_environment()?;
    let without = Container::new(images.clone()).with_scratch(Scratch::Nothing);
    let bare = lake.backend().clone().in_containers(without)?;
    let backend = lake.backend().clone().in_containers(Container::new(images))?;
    let (table, same) = (backend.table("orders"), bare.table("orders"));
    let sql = "SELECT i AS id FROM range(10) t(i)";
    same.write(DAYS[0], sql).is_refused(Kind::Configuration, &["/scratch", "--scratch"]).await?;
    let run = Run::of(table.write(DAYS[0], sql).succeeds().await?)?;
    same.register(&run).succeeds().await?;
    let checks = bare.file("checks.sql", "-- name: has_id\nSELECT * FROM staged WHERE id IS NULL\n")?;
    let checked = same.verify(&run).arg("--check").arg(&checks);
    checked.is_refused(Kind::Configuration, &["/scratch", "--scratch"]).await?;
    same.verify(&run).succeeds().await?;
    same.swap(&run).succeeds().await?;
    same.status().succeeds().await?;
    same.gc().succeeds().await?;
    table.shows(&run, sql).await
}

/// Everything that can be run in an image, by name.
fn programs(files: &[File]) -> BTreeSet<&str> {
    // The dynamic linker and the C library can be run as well, and do nothing that a program could not do without them.
    let library = |file: &&File| file.name().contains(".so");
    files
        .iter()
        .filter(|file| file.plain && file.mode & 0o111 != 0 && !library(file))
        .map(File::name)
        .collect()
}

async fn ensure_is_bare(image: &Image, wanted: &[&str], writable: &[&str]) -> Result<Vec<File>> {
    let files = image.root().await?.files()?;
    let wanted: BTreeSet<&str> = wanted.iter().copied().collect();
    ensure!(programs(&files) == wanted, "{} holds the programs {:?}", image.name(), programs(&files));
    for file in &files {
        let path = file.path.to_str().context("a path that is not UTF-8")?;
        ensure!(!file.special && file.mode & 0o6000 == 0, "{} holds {file:?}", image.name());
        ensure!(
            !file.writable_by(USER) || writable.contains(&path),
            "{path} of {} can be written to",
            image.name()
        );
    }
    Ok(files)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_images_hold_no_shell_and_nothing_that_a_step_could_change() -> Result<()> {
    let images = Images::from_environment()?;
    ensure_is_bare(images.full(), &[&SLIM[..], &ONLY_FULL[..]].concat(), &["/scratch"]).await?;
    let slim = ensure_is_bare(images.slim(), &SLIM, &[]).await?;
    let engine = slim.iter().find(|file| file.name().contains("duckdb") || file.name().contains("stdc++"));
    ensure!(engine.is_none(), "the image without DuckDB holds {engine:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_holds_the_pinned_duckdb_and_its_extension() -> Result<()> {
    let root = Images::from_environment()?.full().root().await?;
    let fetched = std::env::var("LAKEWARD_IMAGE_DUCKDB").context("run this test by `cargo xtask image`")?;
    let fetched = Path::new(&fetched);
    let extension = "httpfs.duckdb_extension";
    let held = entries(&root.outside("/usr/local/lib/extensions"))?;
    assert_eq!(held, [extension], "icu and json are in the library");
    for (inside, fetched) in [
        ("/usr/local/lib/extensions/httpfs.duckdb_extension", fetched.join("extensions").join(extension)),
        ("/usr/local/lib/libduckdb.so", fetched.join("libduckdb.so")),
    ] {
        let same = fs::read(root.outside(inside))? == fs::read(&fetched)?;
        ensure!(same, "{inside} is not the file that was fetched and checked, {}", fetched.display());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_images_say_what_they_are() -> Result<()> {
    let images = Images::from_environment()?;
    for (image, title) in [(images.full(), "lakeward"), (images.slim(), "lakeward-slim")] {
        let config = image.config().await?;
        ensure!(config["User"] == format!("{USER}:{USER}"), "{config}");
        ensure!(
            config["Entrypoint"].is_null(),
            "an entry point would come before the chart's command: {config}"
        );
        let label = |name: &str| config["Labels"][format!("org.opencontainers.image.{name}")].as_str();
        ensure!(label("title") == Some(title), "{config}");
        ensure!(label("version") == Some(env!("CARGO_PKG_VERSION")), "{config}");
        ensure!(label("licenses") == Some("Apache-2.0"), "{config}");
        ensure!(label("description").is_some_and(|text| !text.is_empty()), "{config}");
        ensure!(label("revision").is_some_and(|text| text != "unknown"), "{config}");
        let root = image.root().await?;
        let certificates = fs::read_to_string(root.outside("/etc/ssl/certs/ca-certificates.crt"))?;
        ensure!(certificates.matches("BEGIN CERTIFICATE").count() > 100, "too few CA certificates");
        ensure!(root.outside("/var/lib/dpkg/status.d/libc6").is_file(), "scanners find no packages");
        let bill = fs::read_to_string(root.outside(&format!("/usr/share/doc/lakeward/{title}.cdx.json")))?;
        ensure!(bill.contains("CycloneDX"), "{bill}");
        ensure!(
            bill.contains("libduckdb") == (title == "lakeward"),
            "{title} has another image's bill: {bill}"
        );
        let licences = fs::read_to_string(root.outside("/usr/share/doc/lakeward/THIRD-PARTY"))?;
        ensure!(licences.contains("Stichting DuckDB Foundation"), "no licence of DuckDB");
    }
    Ok(())
}
