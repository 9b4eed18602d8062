//! Which rivalries are searched, and what is found.

use crate::gc::Gc;
use crate::lake::RunNo;
use crate::model::{
    Actor, End, Event, FORWARD, Guard, Mishaps, NEVER_BACK, REMEMBERED, Rivalry, Rules, WHOLE,
};
use crate::scene;
use crate::search::{Found, search};
use crate::swap::{Swap, Way};

/// Whatever goes wrong, in any order. Leases run out besides.
const MISHAPS: Mishaps = Mishaps { crashes: 1, deaths: 1, lost: 1 };
/// Has what is searched here, and what is found.
const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");
const THIS: &str = include_str!("checks.rs");
const PARTITIONED: bool = true;
const UNPARTITIONED: bool = false;

fn forward(run: RunNo, partitioned: bool) -> Actor {
    Actor::Swap(Swap::new(run, Way::Forward, partitioned, run * 10))
}

fn rollback(run: RunNo, partitioned: bool) -> Actor {
    Actor::Swap(Swap::new(run, Way::Rollback, partitioned, run * 10))
}

fn gc() -> Actor {
    Actor::Gc(Gc::new(90))
}

/// Runs up to `published` are versions, the others up to 3 are verified.
fn rivalry(published: RunNo, partitioned: bool, actors: impl IntoIterator<Item = Actor>) -> Rivalry {
    Rivalry {
        lake: scene::lake(published, 3, partitioned),
        actors: actors.into_iter().collect(),
        last: None,
        mishaps: MISHAPS,
        rules: Rules::default(),
        partitioned,
    }
}

/// Says what was found, and fails unless the documentation says the same.
fn is_documented(cells: &[&dyn std::fmt::Display]) {
    let row: String = cells.iter().map(|cell| format!("| {cell} ")).chain(["|".to_owned()]).collect();
    println!("{row}");
    assert!(PROTOCOL.lines().any(|line| line == row), "docs/PROTOCOL.md lacks the row: {row}");
}

/// Searches all of it; everything must hold.
fn holds(name: &str, rivalry: &Rivalry) {
    let Found { states, depth, broken } = search(rivalry, None);
    if let Some((property, way)) = broken {
        panic!("{name}: not {property} after {}", told(rivalry, &way));
    }
    is_documented(&[&name, &states, &depth]);
}

/// Searches until `property` does not hold; it must not, somewhere.
fn fails(name: &str, property: &str, rivalry: &Rivalry) {
    let Found { states, broken, .. } = search(rivalry, Some(property));
    let (_, way) = broken.unwrap_or_else(|| panic!("{name}: everything holds in {states} states"));
    let told = told(rivalry, &way);
    println!("{name}: not {property} after {told}");
    is_documented(&[&name, &property, &way.len()]);
}

/// A way through the states, for a person: what each event was about to do.
fn told(rivalry: &Rivalry, way: &[Event]) -> String {
    let mut state = rivalry.start();
    let mut lines = vec![format!("{} events:", way.len())];
    for event in way {
        let of = match event {
            Event::Request(n)
            | Event::LostAnswer(n)
            | Event::Crash(n)
            | Event::Death(n)
            | Event::Retry(n) => format!("{:?}", state.actors[*n]),
            Event::Lapse | Event::Last => String::new(),
        };
        lines.push(format!("  {event:?} {of}"));
        state = rivalry.after(&state, event).unwrap();
    }
    lines.join("\n")
}

#[test]
fn two_swaps_end_with_the_newer_run_live() {
    let actors = [2, 3].map(|run| forward(run, UNPARTITIONED));
    holds("two swaps", &rivalry(1, UNPARTITIONED, actors.clone()));
    holds("the first two swaps of a table", &rivalry(0, UNPARTITIONED, actors));
}

#[test]
fn two_swaps_of_partitions_end_with_the_newer_run_live_and_whole() {
    let actors = [2, 3].map(|run| forward(run, PARTITIONED));
    holds("two swaps of partitions", &rivalry(1, PARTITIONED, actors.clone()));
    holds("the first two swaps of a partitioned table", &rivalry(0, PARTITIONED, actors));
}

#[test]
fn a_swap_and_a_rollback_leave_one_run_whole() {
    let actors = |partitioned| [forward(3, partitioned), rollback(1, partitioned)];
    holds("a swap and a rollback", &rivalry(2, UNPARTITIONED, actors(UNPARTITIONED)));
    holds("a swap and a rollback of partitions", &rivalry(2, PARTITIONED, actors(PARTITIONED)));
}

#[test]
fn gc_beside_a_swap_retires_nothing_that_is_shown() {
    let actors = |partitioned| [gc(), forward(3, partitioned)];
    holds("gc and a swap", &rivalry(2, UNPARTITIONED, actors(UNPARTITIONED)));
    holds("gc and a swap of partitions", &rivalry(2, PARTITIONED, actors(PARTITIONED)));
}

#[test]
fn gc_beside_a_rollback_retires_nothing_that_is_shown() {
    let actors = |partitioned| [gc(), rollback(1, partitioned)];
    holds("gc and a rollback", &rivalry(2, UNPARTITIONED, actors(UNPARTITIONED)));
    holds("gc and a rollback of partitions", &rivalry(2, PARTITIONED, actors(PARTITIONED)));
}

#[test]
fn a_swap_a_rollback_and_gc_at_once_leave_one_run_whole() {
    let actors = [forward(3, UNPARTITIONED), rollback(1, UNPARTITIONED), gc()];
    let mishaps = Mishaps::default();
    holds(
        "a swap, a rollback and gc, nothing going wrong",
        &Rivalry { mishaps, ..rivalry(2, UNPARTITIONED, actors) },
    );
}

#[test]
fn without_a_version_check_a_swap_goes_back_in_time() {
    let rules = Rules::without(Guard::VersionId);
    let actors = [2, 3].map(|run| forward(run, UNPARTITIONED));
    fails(
        "the live table's version is compared",
        FORWARD,
        &Rivalry { rules, ..rivalry(1, UNPARTITIONED, actors) },
    );
}

#[test]
fn without_the_newest_run_in_the_table_a_stalled_swap_undoes_a_rollback() {
    let rules = Rules::without(Guard::Newest);
    let actors = [forward(2, UNPARTITIONED), forward(3, UNPARTITIONED), rollback(1, UNPARTITIONED)];
    let mishaps = Mishaps::default();
    fails(
        "the live table knows the newest run",
        FORWARD,
        &Rivalry { mishaps, rules, ..rivalry(1, UNPARTITIONED, actors) },
    );
}

#[test]
fn without_a_look_at_the_run_before_a_version_is_forgotten() {
    let rules = Rules::without(Guard::Predecessor);
    let swaps = |partitioned| {
        let actors = [2, 3].map(|run| forward(run, partitioned));
        Rivalry { rules, ..rivalry(1, partitioned, actors) }
    };
    fails("a swap records the run before", REMEMBERED, &swaps(UNPARTITIONED));
    fails("a swap of partitions records the run before", REMEMBERED, &swaps(PARTITIONED));
}

#[test]
fn without_a_condition_on_its_mark_gc_retires_what_goes_live() {
    let rules = Rules::without(Guard::Etag);
    let actors = [gc(), forward(3, UNPARTITIONED)];
    fails(
        "gc's mark compares the manifest's ETag",
        NEVER_BACK,
        &Rivalry { rules, ..rivalry(2, UNPARTITIONED, actors) },
    );
}

#[test]
fn without_its_fence_gc_retires_what_a_stalled_swap_then_shows() {
    let rules = Rules::without(Guard::Fence);
    let actors = [gc(), forward(3, UNPARTITIONED)];
    fails("gc fences before it marks", NEVER_BACK, &Rivalry { rules, ..rivalry(2, UNPARTITIONED, actors) });
}

#[test]
fn without_a_second_look_gc_retires_what_has_gone_live() {
    let rules = Rules::without(Guard::SecondLook);
    let actors = [gc(), forward(3, UNPARTITIONED)];
    fails(
        "gc looks at Glue again before it marks",
        NEVER_BACK,
        &Rivalry { rules, ..rivalry(2, UNPARTITIONED, actors) },
    );
}

/// The one gap that is known (`docs/PROTOCOL.md`): suspended for longer than its lease, a swap of partitions moves some
/// back that another run has moved since.
fn suspended(last: Option<Actor>) -> Rivalry {
    let rules = Rules::without(Guard::Lease);
    let actors = [2, 3].map(|run| forward(run, PARTITIONED));
    let mishaps = Mishaps::default();
    Rivalry { last, mishaps, rules, ..rivalry(1, PARTITIONED, actors) }
}

#[test]
fn a_swap_suspended_beyond_its_lease_leaves_a_mix() {
    fails("nobody is suspended for longer than the lease", WHOLE, &suspended(None));
}

#[test]
fn after_a_suspension_the_live_run_s_own_swap_makes_it_whole() {
    holds(
        "two swaps of partitions, suspended beyond the lease, and the newer one again",
        &suspended(Some(forward(3, PARTITIONED))),
    );
}

#[test]
fn an_execution_that_has_ended_sends_nothing() {
    let swap = Swap::new(3, Way::Forward, PARTITIONED, 30).ended(End::Done);
    let rivalry = rivalry(2, PARTITIONED, [Actor::Swap(swap)]);
    assert_eq!(search(&rivalry, None).states, 1);
}

#[test]
fn the_documentation_has_no_other_searches() {
    let section = PROTOCOL.split("\n## ").find(|section| section.starts_with("Rivals\n")).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.trim_matches(['|', ' ']).split(" | ").collect()).collect();
    let searches =
        |row: &&Vec<&str>| row.len() == 3 && row[2].parse::<u32>().is_ok() && !row[0].starts_with('`');
    let unknown: Vec<&str> = rows
        .iter()
        .filter(searches)
        .map(|row| row[0])
        .filter(|name| !THIS.contains(&format!("\"{name}\"")))
        .collect();
    assert!(unknown.is_empty(), "docs/PROTOCOL.md has searches that are not here: {unknown:?}");
}
