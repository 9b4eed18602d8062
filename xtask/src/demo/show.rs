//! What happened, in plain text.

use std::fmt::Write as _;

use bytesize::ByteSize;
use serde_json::Value;

/// Longer lines are broken.
const WIDTH: usize = 110;
/// Before the lines of a result.
const INDENT: usize = 5;

/// Begins a chapter.
pub(crate) fn headline(text: &str) {
    println!("\n\n=== {text}");
}

/// Tells what comes next.
pub(crate) fn text(text: &str) {
    println!("\n{}", wrapped(text, 0));
}

/// Shows a command as one would type it.
pub(crate) fn command(program: &str, arguments: &[&str]) {
    println!("\n$ {}", shell(program, arguments));
}

/// Shows how a step ended: its result, and its exit code and time.
pub(crate) fn outcome(result: &[String], ending: &str) {
    for (index, line) in result.iter().enumerate() {
        match index {
            0 => println!("  -> {}", wrapped(&format!("{line}  ({ending})"), INDENT)),
            _ => detail(line),
        }
    }
}

/// Shows one more line about a step.
pub(crate) fn detail(line: &str) {
    println!("{:INDENT$}{}", "", wrapped(line, INDENT));
}

/// The key facts of a step's result.
pub(crate) fn result(result: &Value) -> Vec<String> {
    let lines = match (result["status"].as_str(), result["step"].as_str()) {
        (Some("failed"), _) => string(&result["error"]).lines().map(str::to_owned).collect(),
        (_, Some("write")) => {
            let partitions = count(&result["partitions"], "partition");
            vec![format!("run {}: {}, {partitions}", string(&result["run"]), contents(result))]
        }
        (_, Some("register")) => vec![format!(
            "{}, {}",
            string(&result["staged_table"]),
            count(&result["partitions"], "partition")
        )],
        (_, Some("verify")) => vec![format!("{} as written", contents(result)), checks(&result["checks"])],
        (_, Some("swap")) => swap(result),
        (_, Some("gc")) => gc(result),
        _ => vec![result.to_string()],
    };
    if result["already_done"] == true { vec!["done before: nothing to do".to_owned()] } else { lines }
}

fn contents(result: &Value) -> String {
    let rows = count(&result["rows"], "row");
    format!("{rows}, {}, {}", count(&result["files"], "file"), bytes(&result["bytes"]))
}

fn checks(checks: &Value) -> String {
    let names: Vec<String> = items(checks).map(|check| string(&check["name"])).collect();
    format!("these hold: {}", names.join(", "))
}

fn swap(result: &Value) -> Vec<String> {
    let before = match result["replaced"].as_str() {
        Some(run) => format!("instead of {run}"),
        None => "for the first time".to_owned(),
    };
    let partitions = &result["partitions"];
    let partitions = ["created", "updated", "deleted"]
        .map(|change| format!("{} {change}", number(&partitions[change])))
        .join(", ");
    let window = format!(
        "seen to change for {} ms, in {} to Glue",
        number(&result["window_ms"]),
        count(&result["window_calls"], "call")
    );
    vec![
        format!("{} shows {} {before}", string(&result["table"]), string(&result["run"])),
        format!("partitions: {partitions}; {window}"),
    ]
}

fn gc(result: &Value) -> Vec<String> {
    let (plan, done) = (&result["plan"], &result["done"]);
    if done.is_object() {
        // An abandonment tells no bytes.
        let freed = result["bytes"].as_u64().map(|_| format!(", {}", bytes(&result["bytes"])));
        let objects = count(&done["objects_deleted"], "object");
        let tables = count(&done["staged_tables_dropped"], "staged table");
        let runs = count(&done["runs_retired"], "run");
        return vec![format!(
            "{runs} retired: {objects} deleted{}; {tables} dropped",
            freed.unwrap_or_default()
        )];
    }
    let mut lines = vec![format!("the plan frees {}", bytes(&result["bytes"]))];
    let folder = |what: &str, name: &Value, item: &Value| {
        let objects = format!("{}, {}", count(&item["objects"], "object"), bytes(&item["bytes"]));
        format!("{what:9}{}: {objects}: {}", string(name), string(&item["reason"]))
    };
    lines.extend(items(&plan["retire"]).map(|run| folder("retire", &run["run"], run)));
    lines.extend(items(&plan["attempts"]).map(|attempt| folder("delete", &attempt["attempt"], attempt)));
    lines.extend(items(&plan["staged_tables"]).map(|table| format!("drop     {}", string(table))));
    lines.extend(items(&plan["uploads"]).map(|upload| format!("abort    {}", string(upload))));
    let kept = plan["kept"].as_object().into_iter().flatten();
    lines.extend(kept.map(|(run, reason)| format!("keep     {run}: {}", string(reason).replace('-', " "))));
    lines
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn string(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn bytes(value: &Value) -> String {
    ByteSize(value.as_u64().unwrap_or_default()).display().si().to_string()
}

/// Text in lines that begin under each other, the first one at `indent`.
fn wrapped(text: &str, indent: usize) -> String {
    // A line that is laid out keeps its own indentation.
    let own = text.len() - text.trim_start().len();
    let mut wrapped = " ".repeat(own);
    let mut width = indent + own;
    for (index, word) in text.split(' ').skip(own).enumerate() {
        if index > 0 && width + word.len() >= WIDTH {
            width = indent + own;
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(width));
        } else if index > 0 {
            wrapped.push(' ');
            width += 1;
        }
        wrapped.push_str(word);
        width += word.len();
    }
    wrapped
}

/// `1 file`, `12 files`.
fn count(value: &Value, what: &str) -> String {
    let plural = if value.as_u64() == Some(1) { "" } else { "s" };
    format!("{} {what}{plural}", number(value))
}

/// A number with commas between its thousands.
pub(crate) fn number(value: &Value) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The command for a shell, each flag that does not fit on a line of its own.
fn shell(program: &str, arguments: &[&str]) -> String {
    let (mut shown, mut width) = (program.to_owned(), program.len());
    for (index, argument) in arguments.iter().enumerate() {
        let word = quote(argument);
        // A flag takes its value along.
        let value = arguments.get(index + 1).filter(|_| argument.starts_with("--"));
        let needed = word.len() + value.map_or(0, |value| quote(value).len() + 1);
        if argument.starts_with("--") && width + needed >= WIDTH {
            shown.push_str(" \\\n   ");
            width = 3;
        }
        // Writing to a string cannot fail.
        let _ = write!(shown, " {word}");
        width += word.len() + 1;
    }
    shown
}

/// A word as a shell takes it: bare, in double quotes if it has single ones, or in single quotes.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if word.contains('\'') && !word.contains(['"', '$', '`', '\\', '!']) {
        format!("\"{word}\"")
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shown_command_can_be_pasted_into_a_shell() {
        let shown = shell("lakeward-write", &["--sql", "SELECT 'a b'", "--table", "s3://lake/t/", ""]);
        assert_eq!(shown, r#"lakeward-write --sql "SELECT 'a b'" --table s3://lake/t/ ''"#);
        assert_eq!(quote("'$1'"), r"''\''$1'\'''");
    }

    #[test]
    fn a_long_line_goes_on_under_its_beginning() {
        let long = format!("  - {} end", "word ".repeat(WIDTH / 5));
        let lines: Vec<String> = wrapped(&long, 3).lines().map(str::to_owned).collect();
        assert!(lines[0].starts_with("  - word") && lines[1].starts_with("     word"), "{lines:?}");
        assert!(lines.len() == 2 && lines[0].len() <= WIDTH, "{lines:?}");
    }

    #[test]
    fn a_long_command_is_broken_before_a_flag() {
        let long = "s3://lake/".to_owned() + &"x".repeat(WIDTH);
        let shown = shell("lakeward-write", &["--table", &long, "--sql", "x"]);
        assert_eq!(shown, format!("lakeward-write \\\n    --table {long} \\\n    --sql x"));
    }

    #[test]
    fn large_numbers_are_grouped() {
        let shown = [json!(7), json!(336), json!(336_776), json!(1_000_000)].map(|value| number(&value));
        assert_eq!(shown, ["7", "336", "336,776", "1,000,000"]);
    }

    #[test]
    fn a_failure_is_told_in_its_own_words() {
        let failed =
            json!({ "step": "swap", "status": "failed", "exit_code": 11, "error": "run a is live:\n  b" });
        assert_eq!(result(&failed), ["run a is live:", "  b"]);
    }

    #[test]
    fn a_plan_names_what_goes_and_what_stays() {
        let plan = json!({
            "step": "gc", "status": "done", "bytes": 1_500_000,
            "plan": {
                "retire": [{ "run": "a", "reason": "too old", "objects": 2, "bytes": 1_500_000 }],
                "attempts": [], "staged_tables": ["t__a"], "uploads": [], "kept": { "b": "newest-versions" },
            },
        });
        let expected = [
            "the plan frees 1.5 MB",
            "retire   a: 2 objects, 1.5 MB: too old",
            "drop     t__a",
            "keep     b: newest versions",
        ];
        assert_eq!(result(&plan), expected);
    }
}
