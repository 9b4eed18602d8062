//! Gates on the number of rows: what is known before a row is read.

use std::fmt;
use std::str::FromStr;

use lakeward_manifest::CheckResult;
use serde_json::Map;

use crate::args::GateArgs;
use crate::live::LiveVersion;

/// The name of the gate on the number of rows.
const MIN_ROWS: &str = "min-rows";
/// The name of the gate on the change since the live version.
const MAX_ROW_CHANGE: &str = "max-row-change";

/// The names that a SQL check cannot have.
pub(crate) const NAMES: [&str; 2] = [MIN_ROWS, MAX_ROW_CHANGE];

impl GateArgs {
    /// The names of the gates that are asked for, as results have them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [MIN_ROWS].into_iter().chain(self.max_row_change.map(|_| MAX_ROW_CHANGE))
    }
}

/// A share of the live version's rows, exact to a hundredth of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent {
    hundredths: u64,
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("{text:?} is not a percentage such as 50% or 12.5%");
        let number = text.strip_suffix('%').unwrap_or(text);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 2 {
            return Err(malformed());
        }
        let whole: u64 = whole.parse().map_err(|_| malformed())?;
        let fraction: u64 = format!("{fraction:0<2}").parse().map_err(|_| malformed())?;
        let hundredths = whole.checked_mul(100).and_then(|whole| whole.checked_add(fraction));
        hundredths.map(|hundredths| Self { hundredths }).ok_or_else(malformed)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.hundredths / 100, self.hundredths % 100);
        match fraction {
            0 => write!(f, "{whole}%"),
            _ if fraction % 10 == 0 => write!(f, "{whole}.{}%", fraction / 10),
            _ => write!(f, "{whole}.{fraction:02}%"),
        }
    }
}

impl Percent {
    /// By how much `rows` differs from `before`, which is not 0, rounded down to a hundredth.
    fn change(before: u64, rows: u64) -> Self {
        let hundredths = u128::from(before.abs_diff(rows)) * 10_000 / u128::from(before);
        Self { hundredths: u64::try_from(hundredths).unwrap_or(u64::MAX) }
    }

    /// Whether `rows` differs by at most this from `before`: exactly, without rounding.
    fn allows(self, before: u64, rows: u64) -> bool {
        u128::from(before.abs_diff(rows)) * 10_000 <= u128::from(before) * u128::from(self.hundredths)
    }
}

/// Every gate that was asked for, for a run of `rows` rows.
pub(crate) fn check(gates: &GateArgs, rows: u64, live: Option<&LiveVersion>) -> Vec<CheckResult> {
    let change = gates.max_row_change.map(|most| max_row_change(most, rows, live));
    [min_rows(gates, rows)].into_iter().chain(change).collect()
}

fn min_rows(gates: &GateArgs, rows: u64) -> CheckResult {
    let least = gates.min_rows;
    let (passed, detail) = match (rows, gates.allow_empty) {
        (0, true) => (true, "no rows, which --allow-empty allows".to_owned()),
        (0, false) => (false, "no rows: an empty table is published only with --allow-empty".to_owned()),
        _ => (rows >= least, format!("{rows} rows, at least {least} wanted")),
    };
    result(MIN_ROWS, passed, detail)
}

fn max_row_change(most: Percent, rows: u64, live: Option<&LiveVersion>) -> CheckResult {
    let (passed, detail) = match live {
        None => (true, "there is no live version to compare with".to_owned()),
        // No percentage says how far a number is from nothing, and an empty table is no state to hold on to.
        Some(LiveVersion { run, rows: 0, .. }) => (true, format!("the live version {run} is empty")),
        Some(LiveVersion { run, rows: before, .. }) => {
            let change = Percent::change(*before, rows);
            let way = if rows < *before { "fewer" } else { "more" };
            let detail = format!(
                "{rows} rows, {change} {way} than the {before} of live version {run}; at most {most} allowed"
            );
            (most.allows(*before, rows), detail)
        }
    };
    result(MAX_ROW_CHANGE, passed, detail)
}

fn result(name: &str, passed: bool, detail: String) -> CheckResult {
    CheckResult { name: name.to_owned(), passed, detail, offending: None, extra: Map::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gates(min_rows: u64, allow_empty: bool, most: Option<&str>) -> GateArgs {
        GateArgs { min_rows, allow_empty, max_row_change: most.map(|most| most.parse().unwrap()) }
    }

    fn live(rows: u64) -> LiveVersion {
        LiveVersion { run: "2026-05-18-060000".parse().unwrap(), rows, view: crate::sql::View::default() }
    }

    fn passes(gates: &GateArgs, rows: u64, live: Option<&LiveVersion>) -> bool {
        check(gates, rows, live).iter().all(|result| result.passed)
    }

    #[test]
    fn percentages_are_read_and_written_as_people_write_them() {
        for (text, shown) in [
            ("50%", "50%"),
            ("50", "50%"),
            ("12.5%", "12.5%"),
            ("0.05%", "0.05%"),
            ("200%", "200%"),
            ("7.10", "7.1%"),
        ] {
            assert_eq!(text.parse::<Percent>().unwrap().to_string(), shown);
        }
        for bad in ["", "%", "-5%", "5.%", ".5%", "1.234%", "five", "5 %", "99999999999999999999"] {
            assert!(bad.parse::<Percent>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn too_few_rows_are_refused() {
        assert!(passes(&gates(10, false, None), 10, None));
        assert!(!passes(&gates(10, false, None), 9, None));
    }

    #[test]
    fn an_empty_run_passes_only_when_that_is_allowed() {
        for (min_rows, allow_empty, expected) in
            [(0, false, false), (1, false, false), (0, true, true), (5, true, true)]
        {
            assert_eq!(
                passes(&gates(min_rows, allow_empty, None), 0, None),
                expected,
                "{min_rows} {allow_empty}"
            );
        }
        assert!(
            !passes(&gates(5, true, None), 4, None),
            "a run that is not empty still needs the rows asked for"
        );
    }

    #[test]
    fn the_change_since_the_live_version_is_bounded_both_ways_and_exactly() {
        let half = gates(1, false, Some("50%"));
        for (before, rows, expected) in [
            (100, 150, true),
            (100, 151, false),
            (100, 50, true),
            (100, 49, false),
            (3, 4, true),
            (3, 5, false),
            (u64::MAX, u64::MAX / 2, false),
        ] {
            assert_eq!(passes(&half, rows, Some(&live(before))), expected, "{before} to {rows}");
        }
        assert!(!passes(&gates(1, false, Some("0%")), 101, Some(&live(100))));
        assert!(
            passes(&gates(1, false, None), 1, Some(&live(1_000_000))),
            "the gate is off unless asked for"
        );
    }

    #[test]
    fn an_emptied_table_is_a_change_of_all_rows() {
        assert!(!passes(&gates(1, true, Some("50%")), 0, Some(&live(100))));
        assert!(passes(&gates(1, true, Some("100%")), 0, Some(&live(100))));
    }

    #[test]
    fn without_rows_to_compare_with_the_change_gate_passes_and_says_so() {
        let half = gates(1, false, Some("50%"));
        let [_, first] = &check(&half, 7, None)[..] else { panic!("two gates") };
        assert!(first.passed && first.detail.contains("no live version"), "{}", first.detail);
        let [_, after_empty] = &check(&half, 7, Some(&live(0)))[..] else { panic!("two gates") };
        assert!(after_empty.passed && after_empty.detail.contains("empty"), "{}", after_empty.detail);
    }

    #[test]
    fn a_gate_says_what_was_seen() {
        let [_, change] = &check(&gates(1, false, Some("5%")), 889, Some(&live(1000)))[..] else {
            panic!("two gates")
        };
        assert_eq!(
            change.detail,
            "889 rows, 11.1% fewer than the 1000 of live version 2026-05-18-060000; at most 5% allowed"
        );
    }
}
