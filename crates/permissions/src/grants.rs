//! The table: which program gets which actions on what, and what for.

/// One of Lakeward's programs that talks to AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// `lakeward-write`.
    Write,
    /// `lakeward-register`.
    Register,
    /// `lakeward-verify`.
    Verify,
    /// `lakeward-swap`.
    Swap,
    /// `lakeward-gc`, collecting and abandoning.
    Gc,
    /// `lakeward-status`.
    Status,
}

/// What makes a program need more than it always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// Inputs of the query, or of checks, are on S3.
    Inputs,
    /// `verify --replica`.
    Replica,
    /// `gc --via-lifecycle`.
    ViaLifecycle,
    /// gc looks for tables under the root in all databases of the catalog.
    AllDatabases,
    /// `gc --database`.
    NamedDatabases,
    /// Objects are encrypted with a KMS key of one's own.
    Kms,
}

/// What an action is allowed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum On {
    /// The bucket itself.
    Bucket,
    /// The bucket itself, for listings below the table's root.
    BucketBelowRoot,
    /// Manifests and what lies beside them: `<root>/_runs/*`.
    Runs,
    /// Data files: `<root>/_writes/*`.
    Writes,
    /// The replica bucket itself.
    ReplicaBucket,
    /// Data files in the replica bucket.
    ReplicaWrites,
    /// Buckets of inputs, for listings below them.
    InputBuckets,
    /// Objects of inputs.
    InputObjects,
    /// The live table's database, and the catalog.
    Database,
    /// The live table, its database and the catalog.
    LiveTable,
    /// Archived versions of the live table, the table, its database and the catalog.
    LiveTableVersions,
    /// Tables named `<live table>__lakeward_*`, their database and the catalog.
    StagedTables,
    /// All tables of the database, the database and the catalog.
    DatabaseTables,
    /// All tables of the live table's database and of each that gc is to search, these databases and the catalog.
    SearchedTables,
    /// All databases and tables of the catalog.
    AllTables,
    /// KMS keys, used by S3 alone.
    Keys,
}

/// Actions that a program is granted.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The actions.
    pub actions: &'static [&'static str],
    /// On what.
    pub on: On,
    /// When it needs them; always, without one.
    pub only: Option<Variant>,
    /// What for.
    pub what_for: &'static str,
}

const fn grant(on: On, actions: &'static [&'static str], what_for: &'static str) -> Grant {
    Grant { actions, on, only: None, what_for }
}

const fn only(variant: Variant, on: On, actions: &'static [&'static str], what_for: &'static str) -> Grant {
    Grant { actions, on, only: Some(variant), what_for }
}

const MANIFEST: Grant =
    grant(On::Runs, &["s3:GetObject", "s3:PutObject"], "the manifest, and the note of a failure");
const SEAL: Grant = only(
    Variant::Kms,
    On::Keys,
    &["kms:GenerateDataKey", "kms:Decrypt"],
    "encrypted objects, written and read",
);
const INPUTS: [Grant; 2] = [
    only(Variant::Inputs, On::InputObjects, &["s3:GetObject"], "inputs on S3"),
    only(Variant::Inputs, On::InputBuckets, &["s3:ListBucket"], "inputs given as a glob"),
];

const WRITE: &[Grant] = &[
    grant(
        On::Bucket,
        &["s3:ListBucket"],
        "earlier runs, and to be told of a missing manifest; this attempt's own files, when it fails",
    ),
    grant(On::Bucket, &["s3:ListBucketMultipartUploads"], "an upload whose beginning was answered by nobody"),
    MANIFEST,
    grant(On::Runs, &["s3:DeleteObject"], "the object that tries out whether conditions are honoured"),
    grant(On::Writes, &["s3:PutObject"], "data files"),
    grant(
        On::Writes,
        &["s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        "this attempt's own files: uploads whose end is not known, and what to take back when it fails",
    ),
    grant(On::Database, &["glue:GetDatabase"], "that the database exists"),
    grant(On::DatabaseTables, &["glue:GetTables"], "tables that overlap the root"),
    grant(On::LiveTable, &["glue:GetTable"], "whether the live table can show the result"),
    INPUTS[0],
    INPUTS[1],
    SEAL,
];

const REGISTER: &[Grant] = &[
    MANIFEST,
    grant(On::StagedTables, &["glue:GetTable", "glue:CreateTable", "glue:UpdateTable"], "the staged table"),
    grant(
        On::StagedTables,
        &[
            "glue:GetPartitions",
            "glue:BatchCreatePartition",
            "glue:BatchUpdatePartition",
            "glue:BatchDeletePartition",
        ],
        "its partitions, missing, different or too many",
    ),
    SEAL,
];

const VERIFY: &[Grant] = &[
    grant(On::Bucket, &["s3:ListBucket"], "stray files, and to be told of missing ones"),
    MANIFEST,
    grant(On::Writes, &["s3:GetObject"], "data files: sizes, checksums, footers, and rows for checks"),
    grant(On::StagedTables, &["glue:GetTable", "glue:GetPartitions"], "the staged table"),
    grant(On::LiveTable, &["glue:GetTable"], "the version before, for --max-row-change and --check"),
    only(
        Variant::Replica,
        On::ReplicaBucket,
        &["s3:ListBucket"],
        "to be told of files that are not there yet",
    ),
    only(Variant::Replica, On::ReplicaWrites, &["s3:GetObject"], "data files: sizes and checksums"),
    INPUTS[0],
    INPUTS[1],
    SEAL,
];

const SWAP: &[Grant] = &[
    MANIFEST,
    grant(On::LiveTable, &["glue:GetTable", "glue:CreateTable", "glue:UpdateTable"], "the live table"),
    grant(
        On::LiveTable,
        &[
            "glue:GetPartitions",
            "glue:BatchCreatePartition",
            "glue:BatchUpdatePartition",
            "glue:BatchDeletePartition",
        ],
        "its partitions",
    ),
    SEAL,
];

const GC: &[Grant] = &[
    grant(On::Bucket, &["s3:ListBucket"], "runs, and to be told of a missing manifest"),
    grant(On::BucketBelowRoot, &["s3:ListBucketVersions"], "data files with all their versions"),
    grant(On::Bucket, &["s3:ListBucketMultipartUploads"], "uploads that nobody has finished"),
    grant(On::Runs, &["s3:GetObject", "s3:PutObject"], "manifests"),
    grant(On::Runs, &["s3:DeleteObjectVersion"], "notes of failures, and what died probes have left"),
    grant(On::Writes, &["s3:DeleteObjectVersion", "s3:AbortMultipartUpload"], "what nothing can reach"),
    only(
        Variant::ViaLifecycle,
        On::Writes,
        &["s3:PutObjectVersionTagging"],
        "what a lifecycle rule is to expire",
    ),
    grant(On::LiveTable, &["glue:GetTable"], "what is live"),
    grant(On::LiveTable, &["glue:UpdateTable"], "fencing a swap that was announced and never made"),
    grant(
        On::LiveTableVersions,
        &["glue:GetTableVersions", "glue:BatchDeleteTableVersion", "glue:DeleteTableVersion"],
        "archived versions of the live table",
    ),
    grant(On::StagedTables, &["glue:GetTable", "glue:DeleteTable"], "staged tables"),
    only(
        Variant::AllDatabases,
        On::AllTables,
        &["glue:GetDatabases", "glue:GetTables", "glue:GetPartitions"],
        "tables and partitions that point below the root",
    ),
    only(
        Variant::NamedDatabases,
        On::SearchedTables,
        &["glue:GetTables", "glue:GetPartitions"],
        "tables and partitions that point below the root",
    ),
    SEAL,
];

const STATUS: &[Grant] = &[
    grant(
        On::Bucket,
        &["s3:ListBucket"],
        "runs and their attempts, and to be told of notes that are not there",
    ),
    grant(On::Runs, &["s3:GetObject"], "manifests and notes of failures"),
    grant(On::LiveTable, &["glue:GetTable"], "what is live"),
    only(Variant::Kms, On::Keys, &["kms:Decrypt"], "encrypted objects"),
];

impl Program {
    /// All of them, in the order in which a run meets them.
    pub const ALL: [Self; 6] =
        [Self::Write, Self::Register, Self::Verify, Self::Swap, Self::Gc, Self::Status];

    /// Its short name (`write`).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Register => "register",
            Self::Verify => "verify",
            Self::Swap => "swap",
            Self::Gc => "gc",
            Self::Status => "status",
        }
    }

    /// What it is granted.
    pub const fn grants(self) -> &'static [Grant] {
        match self {
            Self::Write => WRITE,
            Self::Register => REGISTER,
            Self::Verify => VERIFY,
            Self::Swap => SWAP,
            Self::Gc => GC,
            Self::Status => STATUS,
        }
    }
}

impl Variant {
    /// In words for a table.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Inputs => "with inputs on S3",
            Self::Replica => "with `--replica`",
            Self::ViaLifecycle => "with `--via-lifecycle`",
            Self::AllDatabases => "without `--database`",
            Self::NamedDatabases => "with `--database`",
            Self::Kms => "with a KMS key of one's own",
        }
    }
}

impl On {
    /// In words for a table.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Bucket => "the bucket",
            Self::BucketBelowRoot => "the bucket, `s3:prefix` below the root",
            Self::Runs => "objects in `<root>/_runs/`",
            Self::Writes => "objects in `<root>/_writes/`",
            Self::ReplicaBucket => "the replica bucket",
            Self::ReplicaWrites => "the replica's objects in `<root>/_writes/`",
            Self::InputBuckets => "the inputs' buckets, `s3:prefix` below the inputs",
            Self::InputObjects => "the inputs' objects",
            Self::Database => "catalog, database",
            Self::LiveTable => "catalog, database, live table",
            Self::LiveTableVersions => "catalog, database, live table and its versions",
            Self::StagedTables => "catalog, database, tables `<table>__lakeward_*`",
            Self::DatabaseTables => "catalog, database, all its tables",
            Self::SearchedTables => "catalog, database and each `--database`, all their tables",
            Self::AllTables => "catalog, all databases and tables",
            Self::Keys => "the KMS keys, by S3 alone",
        }
    }

    /// As a statement id.
    pub(crate) const fn sid(self) -> &'static str {
        match self {
            Self::Bucket => "Bucket",
            Self::BucketBelowRoot => "BucketBelowRoot",
            Self::Runs => "Runs",
            Self::Writes => "Writes",
            Self::ReplicaBucket => "ReplicaBucket",
            Self::ReplicaWrites => "ReplicaWrites",
            Self::InputBuckets => "InputBuckets",
            Self::InputObjects => "InputObjects",
            Self::Database => "Database",
            Self::LiveTable => "LiveTable",
            Self::LiveTableVersions => "LiveTableVersions",
            Self::StagedTables => "StagedTables",
            Self::DatabaseTables => "DatabaseTables",
            Self::SearchedTables => "SearchedTables",
            Self::AllTables => "AllTables",
            Self::Keys => "Keys",
        }
    }
}
