//! The demonstration: the steps as separate processes, on the example data and a local lake.

mod admin;
mod show;
mod stage;
mod story;

use std::time::Instant;

use anyhow::Result;

use crate::local_lake::LocalLake;
use crate::workspace::Workspace;

const BUCKET: &str = "lake";
const DATABASE: &str = "analytics";

/// Where the lake and the logs stay, in the clone.
const FOLDER: &str = ".lakeward/demo";

/// Builds the programs and shows what they do; the lake's files stay for a look around. It fails as soon as
/// something does not happen as it tells.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    workspace.build()?;
    let start = Instant::now();
    let folder = workspace.layout().root().join(FOLDER);
    let lake = LocalLake::start(workspace, &folder, BUCKET, DATABASE)?;
    show::text(&format!(
        "A local lake serves S3 and Glue at http://{}, with one bucket ({BUCKET}) and one database ({DATABASE}). \
         Every command below is a process of its own, and knows the lake by the usual AWS_ variables alone.",
        lake.host()?
    ));
    story::tell(&stage::Stage::open(workspace, &lake, &folder)?)?;
    show::headline("Where to look next");
    show::text(
        "README.md has the steps, `lakeward-write --help` its flags, docs/PROTOCOL.md what they promise, and docs/ARCHITECTURE.md \
         how they are made.",
    );
    println!(
        "The lake stays in {FOLDER}/lake, and what the steps logged in {FOLDER}/steps.log. Serve it again with:"
    );
    let serve = workspace.executable("lakeward-local");
    show::command(&serve.display().to_string(), &["--dir", &format!("{FOLDER}/lake")]);
    println!("It prints the AWS_ variables by which steps and readers in another shell find it.");
    println!("\nAll of this took {:.1} s.", start.elapsed().as_secs_f64());
    Ok(())
}
