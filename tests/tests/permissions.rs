//! The printed policies allow each program what it does, and nothing else.

use anyhow::{Context as _, Result};
use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, PartitionInput, PartitionValueList, StorageDescriptor, TableInput,
};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use lakeward_local::{Effect, ReplicationMode, Rule, When};
use lakeward_outcome::Kind;
use lakeward_permissions::{Place, Program};
use lakeward_tests::lake::Lake;
use lakeward_tests::permissions::{Observed, place};
use lakeward_tests::step::Step;
use lakeward_tests::table::{DAYS, IN_PARTS, LARGE, NO_GRACE, Run, Table};

const SQL: &str = "SELECT i AS id, i % 4 AS part FROM range(100) t(i)";
/// Without two of the partitions of [`SQL`], and with one more.
const LATER: &str = "SELECT i AS id, 2 + i % 3 AS part FROM range(100) t(i)";
const BY_PART: [&str; 2] = ["--partition-by", "part"];
const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d";
/// The replica's Region has a key of its own.
const REPLICA_KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/4e5f6a7b";
const REPLICA: &str = "lake-replica";

/// A lake, a table in it, and what its programs were seen to need.
struct Scene<'l> {
    lake: &'l Lake,
    table: Table<'l>,
    place: Place,
    observed: &'l mut Observed,
}

impl<'l> Scene<'l> {
    fn new(lake: &'l Lake, observed: &'l mut Observed) -> Result<Self> {
        let table = lake.backend().table("orders");
        let place = place(&table)?;
        Ok(Self { lake, table, place, observed })
    }

    async fn run(&mut self, program: Program, step: &Step) -> Result<serde_json::Value> {
        self.observed.succeeds(self.lake, program, &self.place, step).await
    }

    async fn fails(&mut self, program: Program, kind: Kind, step: &Step) -> Result<()> {
        let ended = self.observed.run(self.lake, program, &self.place, step).await?;
        ended.into_refusal(kind, &[]).map(drop)
    }

    async fn write(&mut self, step: &Step) -> Result<Run> {
        Run::of(self.run(Program::Write, step).await?)
    }

    /// Publishes what `write` writes.
    async fn publish(&mut self, write: &Step) -> Result<Run> {
        let run = self.write(write).await?;
        self.run(Program::Register, &self.table.register(&run)).await?;
        self.run(Program::Verify, &self.table.verify(&run)).await?;
        self.run(Program::Swap, &self.table.swap(&run)).await?;
        Ok(run)
    }

    async fn status(&mut self) -> Result<()> {
        self.run(Program::Status, &self.table.status()).await.map(drop)
    }

    /// `gc` over all databases, keeping nothing but the live version.
    async fn collect(&mut self) -> Result<()> {
        let gc = self.lake.backend().step("gc").arg(self.table.root()).args(NO_GRACE);
        self.run(Program::Gc, &gc).await.map(drop)
    }
}

fn lost(operation: &str) -> Rule {
    Rule::new(When::After, Effect::Drop).operation(operation)
}

/// Versions of a partitioned table: a first, a later one with other partitions, a rollback, and what gc makes of it.
async fn versions(observed: &mut Observed) -> Result<()> {
    let lake = Lake::start().await?;
    let mut scene = Scene::new(&lake, observed)?;
    lake.local().create_database("elsewhere")?;
    let s3 = lake.backend().s3();
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket("lake").versioning_configuration(enabled).send().await?;
    let first = scene.publish(&scene.table.write(DAYS[0], SQL).args(BY_PART)).await?;
    scene.status().await?;
    let second = scene.write(&scene.table.write(DAYS[1], LATER).args(BY_PART)).await?;
    scene.run(Program::Register, &scene.table.register(&second)).await?;
    damage_staged(&scene.table).await?;
    scene.run(Program::Register, &scene.table.register(&second)).await?;
    let check = lake.backend().file("checks.sql", "-- name: ids\nSELECT * FROM staged WHERE id IS NULL\n")?;
    let verify = scene.table.verify(&second).args(["--max-row-change", "50%", "--check"]).arg(&check);
    scene.run(Program::Verify, &verify).await?;
    scene.run(Program::Swap, &scene.table.swap(&second)).await?;
    scene.run(Program::Swap, &scene.table.roll_back(&first)).await?;
    let third = scene.publish(&scene.table.write(DAYS[2], SQL).args(BY_PART)).await?;
    scene.table.shows(&third, SQL).await?;
    scene.status().await?;
    // Somebody's edit archives the version that swap made.
    edit(&scene.table, scene.table.name(), &third.location).await?;
    scene.collect().await
}

/// Moves a table elsewhere as somebody might, which archives the version before.
async fn edit(table: &Table<'_>, name: &str, location: &str) -> Result<StorageDescriptor> {
    let (glue, database) = (table.backend().glue(), table.backend().database());
    let found = glue.get_table().database_name(database).name(name).send().await?;
    let found = found.table().context("no table")?;
    let mut storage = found.storage_descriptor().context("a table without storage")?.clone();
    storage.location = Some(location.to_owned());
    let input = TableInput::builder().name(name).table_type("EXTERNAL_TABLE");
    let input = input.storage_descriptor(storage.clone()).set_parameters(found.parameters().cloned());
    let input = input.set_partition_keys(Some(found.partition_keys().to_vec()));
    glue.update_table().database_name(database).table_input(input.build()?).send().await?;
    Ok(storage)
}

/// Changes a staged table and its partitions, so that register has to mend all of it.
async fn damage_staged(table: &Table<'_>) -> Result<()> {
    let (glue, database) = (table.backend().glue(), table.backend().database());
    let name = table.staged_tables().await?.pop().context("no staged table")?;
    let storage = edit(table, &name, "s3://lake/nowhere/").await?;
    let partition =
        |value: &str| PartitionInput::builder().values(value).storage_descriptor(storage.clone()).build();
    let create = glue.batch_create_partition().database_name(database).table_name(&name);
    create.partition_input_list(partition("99")).send().await?;
    let entry = BatchUpdatePartitionRequestEntry::builder().partition_value_list("2");
    let entry = entry.partition_input(partition("2")).build()?;
    glue.batch_update_partition().database_name(database).table_name(&name).entries(entry).send().await?;
    let gone = PartitionValueList::builder().values("3").build()?;
    let delete = glue.batch_delete_partition().database_name(database).table_name(&name);
    delete.partitions_to_delete(gone).send().await?;
    Ok(())
}

/// What goes wrong: answers that are lost, uploads that are refused, runs that fail and are given up.
async fn mishaps(observed: &mut Observed) -> Result<()> {
    let lake = Lake::start().await?;
    let mut scene = Scene::new(&lake, observed)?;
    let write = scene.table.write(DAYS[0], LARGE).args(IN_PARTS);
    let denied = Effect::Refuse { status: 403, code: "AccessDenied".to_owned() };
    lake.faults().set(Rule::new(When::Before, denied).operation("UploadPart").nth(2));
    scene.fails(Program::Write, Kind::Configuration, &write).await?;
    lake.faults().set(lost("CreateMultipartUpload"));
    lake.faults().set(lost("CompleteMultipartUpload"));
    let first = scene.write(&write).await?;
    scene.run(Program::Register, &scene.table.register(&first)).await?;
    scene.run(Program::Verify, &scene.table.verify(&first)).await?;
    lake.faults().set(lost("UpdateTable"));
    scene.run(Program::Swap, &scene.table.swap(&first)).await?;
    rejected(&mut scene).await?;
    announced(&mut scene).await?;
    scene.status().await?;
    scene.collect().await
}

/// Files that were put whole are taken back by the attempt that fails.
async fn refused_upload(observed: &mut Observed) -> Result<()> {
    let lake = Lake::start().await?;
    let mut scene = Scene::new(&lake, observed)?;
    let denied = Effect::Refuse { status: 403, code: "AccessDenied".to_owned() };
    let third = Rule::new(When::Before, denied).operation("PutObject").containing("_writes/").nth(3);
    lake.faults().set(third.times(u64::MAX));
    let write = scene.table.write(DAYS[0], SQL).args(BY_PART);
    scene.fails(Program::Write, Kind::Configuration, &write).await?;
    scene.table.has_no_leftovers().await
}

/// A run without files of one's own, rejected: the note of its failure, and the run abandoned.
async fn rejected(scene: &mut Scene<'_>) -> Result<()> {
    let run = scene.write(&scene.table.write(DAYS[1], SQL)).await?;
    scene.run(Program::Register, &scene.table.register(&run)).await?;
    let verify = scene.table.verify(&run).args(["--min-rows=1000"]);
    scene.fails(Program::Verify, Kind::Rejected, &verify).await?;
    scene.status().await?;
    scene.run(Program::Gc, &scene.lake.backend().step("gc").args(["--abandon", &run.manifest])).await?;
    let absent = scene.table.manifest_of("2020-01-01-000000");
    scene.run(Program::Gc, &scene.lake.backend().step("gc").args(["--abandon", &absent])).await.map(drop)
}

/// A swap that is announced and never made, which gc fences; an upload that nobody finishes.
async fn announced(scene: &mut Scene<'_>) -> Result<()> {
    let run = scene.write(&scene.table.write(DAYS[2], SQL)).await?;
    scene.run(Program::Register, &scene.table.register(&run)).await?;
    scene.run(Program::Verify, &scene.table.verify(&run)).await?;
    let denied = Effect::Refuse { status: 400, code: "AccessDeniedException".to_owned() };
    scene.lake.faults().set(Rule::new(When::Before, denied).operation("UpdateTable").times(u64::MAX));
    scene.fails(Program::Swap, Kind::Configuration, &scene.table.swap(&run)).await?;
    scene.lake.faults().clear();
    let key = format!("{}part-dead.parquet", scene.table.key(&run.location)?);
    scene.lake.backend().s3().create_multipart_upload().bucket("lake").key(&key).send().await?;
    scene
        .run(Program::Gc, &scene.lake.backend().step("gc").args(["--abandon", &run.manifest]))
        .await
        .map(drop)
}

/// Inputs, checks that read them, and a replica.
async fn other_buckets(observed: &mut Observed) -> Result<()> {
    let lake = Lake::start().await?;
    lake.local().create_bucket(REPLICA)?;
    lake.local().create_bucket("raw")?;
    lake.local().replicate("lake", REPLICA, ReplicationMode::Pending)?;
    let raw = lake.backend().in_bucket("raw");
    raw.put("orders/1.csv", "id,part\n1,1\n2,2\n").await?;
    let mut scene = Scene::new(&lake, observed)?;
    scene.place.inputs = vec!["s3://raw/orders/".parse()?];
    scene.place.replica = Some(REPLICA.to_owned());
    let write = scene.table.write(DAYS[0], "SELECT * FROM read_csv('s3://raw/orders/*.csv')");
    let run = scene.write(&write).await?;
    scene.run(Program::Register, &scene.table.register(&run)).await?;
    let check =
        "-- name: rows\nSELECT id FROM staged EXCEPT SELECT id FROM read_csv('s3://raw/orders/*.csv')\n";
    let check = lake.backend().file("checks.sql", check)?;
    let replica = format!("s3://{REPLICA}/");
    let verify = scene.table.verify(&run).args(["--replica", &replica, "--check"]).arg(&check);
    scene.fails(Program::Verify, Kind::Transient, &verify).await?;
    lake.local().finish_replication("lake")?;
    scene.run(Program::Verify, &verify).await.map(drop)
}

/// gc that leaves deletion to a lifecycle rule, and searches one database.
async fn gc_with_less(observed: &mut Observed) -> Result<()> {
    let lake = Lake::start().await?;
    let mut scene = Scene::new(&lake, observed)?;
    scene.publish(&scene.table.write(DAYS[0], SQL).args(BY_PART)).await?;
    scene.publish(&scene.table.write(DAYS[1], SQL).args(BY_PART)).await?;
    scene.place.databases = vec!["shop".to_owned()];
    scene.place.via_lifecycle = true;
    let gc = scene.table.gc().args(NO_GRACE).arg("--via-lifecycle");
    scene.run(Program::Gc, &gc).await.map(drop)
}

/// Everything encrypted with a key of one's own, and the replica with one of its Region.
async fn encrypted(observed: &mut Observed) -> Result<()> {
    let lake = Lake::start().await?;
    lake.local().create_bucket(REPLICA)?;
    lake.local().replicate("lake", REPLICA, ReplicationMode::Completed)?;
    let mut scene = Scene::new(&lake, observed)?;
    scene.place.keys = vec![KEY.to_owned(), REPLICA_KEY.to_owned()];
    scene.place.replica = Some(REPLICA.to_owned());
    let replica = format!("s3://{REPLICA}/");
    let by_key = |step: Step| step.args(["--sse", "aws:kms", "--sse-kms-key-id", KEY]);
    for day in &DAYS[..2] {
        let run = scene.write(&by_key(scene.table.write(day, LARGE).args(IN_PARTS))).await?;
        scene.run(Program::Register, &by_key(scene.table.register(&run))).await?;
        scene.run(Program::Verify, &by_key(scene.table.verify(&run).args(["--replica", &replica]))).await?;
        scene.run(Program::Swap, &by_key(scene.table.swap(&run))).await?;
    }
    scene.status().await?;
    let gc = lake.backend().step("gc").arg(scene.table.root()).args(NO_GRACE);
    scene.run(Program::Gc, &by_key(gc)).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_policy_allows_what_its_program_does_and_nothing_else() -> Result<()> {
    let mut observed = Observed::default();
    versions(&mut observed).await.context("versions")?;
    mishaps(&mut observed).await.context("mishaps")?;
    refused_upload(&mut observed).await.context("refused upload")?;
    other_buckets(&mut observed).await.context("other buckets")?;
    gc_with_less(&mut observed).await.context("gc with less")?;
    encrypted(&mut observed).await.context("encrypted")?;
    observed.judge()
}

/// The version before lies at the old root: the row gate and checks read it there. swap looks for its manifest at the new
/// one, in vain; that it may not be told so, as it may not list, keeps it from nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_moves_to_another_root_when_the_old_one_is_an_input() -> Result<()> {
    let lake = Lake::start().await?;
    let mut observed = Observed::default();
    let mut scene = Scene::new(&lake, &mut observed)?;
    let first = scene.publish(&scene.table.write(DAYS[0], SQL).args(BY_PART)).await?;
    let moved = lake.backend().table("orders_moved");
    scene.place.inputs = vec![scene.table.root().parse()?];
    scene.place.root = moved.root().parse()?;
    let write = lake.backend().step("write").args(["--table", &moved.root()]).args(BY_PART);
    let write = write.args(["--glue-table", &scene.table.glue_name(), "--run-ts", DAYS[1], "--sql", SQL]);
    let run = scene.write(&write).await?;
    scene.run(Program::Register, &moved.register(&run)).await?;
    let check = "-- name: none_vanished\nSELECT id FROM live EXCEPT SELECT id FROM staged\n";
    let check = lake.backend().file("checks.sql", check)?;
    let verify = moved.verify(&run).args(["--max-row-change", "50%", "--check"]).arg(&check);
    scene.run(Program::Verify, &verify).await?;
    let denied = Effect::Refuse { status: 403, code: "AccessDenied".to_owned() };
    let in_vain = moved.manifest_of(&first.id);
    let sought = Rule::new(When::Before, denied).operation("GetObject").containing(moved.key(&in_vain)?);
    let fault = lake.faults().set(sought);
    scene.run(Program::Swap, &moved.swap(&run)).await?;
    anyhow::ensure!(fault.fired() == 1, "swap did not look for the version before");
    observed.allowed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_policy_does_not_allow_is_told() -> Result<()> {
    let lake = Lake::start().await?;
    let mut observed = Observed::default();
    let mut scene = Scene::new(&lake, &mut observed)?;
    let run = scene.write(&scene.table.write(DAYS[0], SQL)).await?;
    // As if register had the policy of status.
    scene.run(Program::Status, &scene.table.register(&run)).await?;
    let told = observed.judge().err().map(|error| error.to_string()).unwrap_or_default();
    for action in ["glue:CreateTable", "s3:PutObject"] {
        anyhow::ensure!(told.contains(action), "{action} is not told: {told}");
    }
    Ok(())
}
