//! `lakeward-iam`: prints the policy of a role that runs Lakeward on one table. Makes no call, and needs no credentials.

use std::io::Write as _;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use lakeward_manifest::{GlueName, TableRoot};
use lakeward_permissions::{Inputs, Place, Program, policy};

/// Prints an IAM policy, in JSON, that allows programs of Lakeward what they need on one table, and nothing else.
#[derive(Debug, Parser)]
#[command(name = "lakeward-iam", version)]
struct IamArgs {
    /// The table's root, such as s3://lake/analytics/orders/
    #[arg(value_name = "ROOT", env = "LAKEWARD_TABLE")]
    root: TableRoot,

    /// The live table in Glue, such as analytics.orders
    #[arg(long, value_name = "DATABASE.TABLE", env = "LAKEWARD_GLUE_TABLE")]
    glue_table: GlueName,

    /// The account of the Glue Data Catalog (12 digits)
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_account, env = "LAKEWARD_CATALOG_ID")]
    account: String,

    /// The AWS Region of Glue
    #[arg(long, value_parser = parse_word, env = "AWS_REGION")]
    region: String,

    /// The partition of AWS, such as aws-cn
    #[arg(long, default_value = "aws", value_parser = parse_word, env = "LAKEWARD_AWS_PARTITION")]
    partition: String,

    /// The programs that the role runs [default: all]
    #[arg(long = "for", value_enum, value_delimiter = ',', env = "LAKEWARD_IAM_FOR")]
    programs: Vec<Named>,

    /// The bucket that the table is replicated to, for `verify --replica`, such as s3://lake-replica/
    #[arg(long, value_name = "URI", env = "LAKEWARD_REPLICA")]
    replica: Option<Inputs>,

    /// What queries and checks read from S3, such as s3://raw/orders/
    #[arg(long = "input", value_name = "URI", value_delimiter = ',', env = "LAKEWARD_IAM_INPUTS")]
    inputs: Vec<Inputs>,

    /// gc leaves deletion to a lifecycle rule
    #[arg(long, env = "LAKEWARD_VIA_LIFECYCLE")]
    via_lifecycle: bool,

    /// The Glue databases that gc searches [default: all]
    #[arg(long = "database", value_name = "NAME", value_parser = parse_database, value_delimiter = ',', env = "LAKEWARD_GC_DATABASES")]
    databases: Vec<String>,

    /// The ARN of a KMS key that objects are encrypted with
    #[arg(long = "kms-key", value_name = "ARN", value_parser = parse_key, value_delimiter = ',', env = "LAKEWARD_SSE_KMS_KEY_ID")]
    keys: Vec<String>,
}

/// A program by its short name.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Named {
    Write,
    Register,
    Verify,
    Swap,
    Gc,
    Status,
}

impl From<Named> for Program {
    fn from(named: Named) -> Self {
        match named {
            Named::Write => Self::Write,
            Named::Register => Self::Register,
            Named::Verify => Self::Verify,
            Named::Swap => Self::Swap,
            Named::Gc => Self::Gc,
            Named::Status => Self::Status,
        }
    }
}

fn parse_account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not an AWS account id of 12 digits"))
    }
}

/// A part of an ARN: nothing that would be a wildcard, or another part.
fn parse_word(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_word { Ok(text.to_owned()) } else { Err(format!("{text:?} is not a name such as eu-west-1")) }
}

/// A Glue database, which is a word with underscores.
fn parse_database(text: &str) -> Result<String, String> {
    parse_word(&text.replace('_', "-"))
        .map(|_| text.to_owned())
        .map_err(|_| format!("{text:?} names no database"))
}

/// An alias names no key in a policy, and the Region is what S3 is allowed to use the key in.
fn parse_key(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_key = matches!(parts[..], ["arn", _, "kms", region, _, key] if parse_word(region).is_ok() && key.starts_with("key/"));
    if is_key && !text.contains(['*', '?', '$']) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not the ARN of a key (arn:…:key/…)"))
    }
}

fn main() -> anyhow::Result<()> {
    let IamArgs {
        root,
        glue_table,
        account,
        region,
        partition,
        programs,
        replica,
        inputs,
        via_lifecycle,
        databases,
        keys,
    } = IamArgs::parse();
    let replica = replica.map(|replica| replica.bucket);
    let table = glue_table;
    let place =
        Place { partition, region, account, root, table, replica, inputs, via_lifecycle, databases, keys };
    let named: Vec<Program> = programs.into_iter().map(Program::from).collect();
    let programs = if named.is_empty() { &Program::ALL[..] } else { &named[..] };
    let text = serde_json::to_string_pretty(&policy(programs, &place)).context("writing the policy")?;
    writeln!(std::io::stdout().lock(), "{text}").context("writing the policy to stdout")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const PLACE: [&str; 6] = [
        "lakeward-iam",
        "s3://lake/orders/",
        "--glue-table=shop.orders",
        "--account=123456789012",
        "--region=eu-west-1",
        "--for=swap,gc",
    ];

    fn parsed(more: &[&str]) -> Result<IamArgs, clap::Error> {
        IamArgs::try_parse_from(PLACE.iter().chain(more))
    }

    #[test]
    fn the_command_line_is_consistent() {
        IamArgs::command().debug_assert();
        assert_eq!(parsed(&[]).unwrap().programs.len(), 2);
    }

    #[test]
    fn what_would_widen_a_resource_is_refused() {
        for wide in [
            "--account=*",
            "--region=*",
            "--partition=aws:*",
            "--kms-key=*",
            "--kms-key=alias/lake",
            "--kms-key=arn:aws:kms:*:123456789012:key/0a1b",
            "--kms-key=arn:aws:kms::123456789012:key/0a1b",
            "--database=*",
            "--input=s3://*/",
            "--input=s3://raw*/orders/",
            "--input=s3://raw/orders/*.csv",
            "--replica=s3://*/",
            "--replica=s3://lake-replica*",
            "--replica=s3://lake-replica/*",
        ] {
            assert!(parsed(&[wide]).is_err(), "{wide}");
        }
    }
}
