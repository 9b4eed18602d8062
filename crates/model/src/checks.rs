//! Which rivalries are searched, and what is found.

use crate::gc::Gc;
use crate::lake::RunNo;
use crate::model::{Actor, End, Event, FORWARD, Guard, Mishaps, NEVER_BACK, Rivalry, Rules, WHOLE};
use crate::scene;
use crate::search::{Found, search};
use crate::swap::{Swap, Way};

/// Whatever goes wrong, in any order. Leases run out besides.
const MISHAPS: Mishaps = Mishaps { crashes: 1, deaths: 1, lost: 1 };
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

/// Searches all of it; everything must hold.
fn holds(name: &str, rivalry: &Rivalry) {
    let Found { states, depth, broken } = search(rivalry);
    println!("{name}: {states} states, {depth} deep");
    if let Some((property, way)) = broken {
        panic!("{name}: not {property} after {}", told(rivalry, &way));
    }
}

/// Searches until something does not hold; it must be `property`.
fn fails(name: &str, property: &str, rivalry: &Rivalry) {
    let Found { states, broken, .. } = search(rivalry);
    let (found, way) = broken.unwrap_or_else(|| panic!("{name}: everything holds in {states} states"));
    let way = told(rivalry, &way);
    assert_eq!(found, property, "{name}: after {way}");
    println!("{name}: not {property} after {way}");
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
    holds("two swaps", &rivalry(1, UNPARTITIONED, [2, 3].map(|run| forward(run, UNPARTITIONED))));
    holds("the first two swaps", &rivalry(0, UNPARTITIONED, [2, 3].map(|run| forward(run, UNPARTITIONED))));
}

#[test]
fn two_swaps_of_partitions_end_with_the_newer_run_live_and_whole() {
    holds("two swaps of partitions", &rivalry(1, PARTITIONED, [2, 3].map(|run| forward(run, PARTITIONED))));
    holds("the first two", &rivalry(0, PARTITIONED, [2, 3].map(|run| forward(run, PARTITIONED))));
}

#[test]
fn a_swap_and_a_rollback_leave_one_run_whole() {
    for partitioned in [UNPARTITIONED, PARTITIONED] {
        let actors = [forward(3, partitioned), rollback(1, partitioned)];
        holds("a swap and a rollback", &rivalry(2, partitioned, actors));
    }
}

#[test]
fn gc_beside_a_swap_retires_nothing_that_is_shown() {
    for partitioned in [UNPARTITIONED, PARTITIONED] {
        holds("gc and a swap", &rivalry(2, partitioned, [gc(), forward(3, partitioned)]));
    }
}

#[test]
fn gc_beside_a_rollback_retires_nothing_that_is_shown() {
    for partitioned in [UNPARTITIONED, PARTITIONED] {
        holds("gc and a rollback", &rivalry(2, partitioned, [gc(), rollback(1, partitioned)]));
    }
}

#[test]
fn a_swap_a_rollback_and_gc_at_once_leave_one_run_whole() {
    let actors = [forward(3, UNPARTITIONED), rollback(1, UNPARTITIONED), gc()];
    let mishaps = Mishaps::default();
    holds("all three", &Rivalry { mishaps, ..rivalry(2, UNPARTITIONED, actors) });
}

#[test]
fn without_a_version_check_a_swap_goes_back_in_time() {
    let rules = Rules::without(Guard::VersionId);
    let actors = [2, 3].map(|run| forward(run, UNPARTITIONED));
    fails("no VersionId", FORWARD, &Rivalry { rules, ..rivalry(1, UNPARTITIONED, actors) });
}

#[test]
fn without_the_newest_run_in_the_table_a_stalled_swap_undoes_a_rollback() {
    let rules = Rules::without(Guard::Newest);
    let actors = [forward(2, UNPARTITIONED), forward(3, UNPARTITIONED), rollback(1, UNPARTITIONED)];
    let mishaps = Mishaps::default();
    fails("no newest", FORWARD, &Rivalry { mishaps, rules, ..rivalry(1, UNPARTITIONED, actors) });
}

#[test]
fn without_a_condition_on_its_mark_gc_retires_what_goes_live() {
    let rules = Rules::without(Guard::Etag);
    let actors = [gc(), forward(3, UNPARTITIONED)];
    fails("no ETag", NEVER_BACK, &Rivalry { rules, ..rivalry(2, UNPARTITIONED, actors) });
}

#[test]
fn without_its_fence_gc_retires_what_a_stalled_swap_then_shows() {
    let rules = Rules::without(Guard::Fence);
    let actors = [gc(), forward(3, UNPARTITIONED)];
    fails("no fence", NEVER_BACK, &Rivalry { rules, ..rivalry(2, UNPARTITIONED, actors) });
}

#[test]
fn without_a_second_look_gc_retires_what_has_gone_live() {
    let rules = Rules::without(Guard::SecondLook);
    let actors = [gc(), forward(3, UNPARTITIONED)];
    fails("no second look", NEVER_BACK, &Rivalry { rules, ..rivalry(2, UNPARTITIONED, actors) });
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
    fails("suspension", WHOLE, &suspended(None));
}

#[test]
fn after_a_suspension_the_live_run_s_own_swap_makes_it_whole() {
    holds("suspension, and the newer swap once more", &suspended(Some(forward(3, PARTITIONED))));
}

#[test]
fn an_execution_that_has_ended_sends_nothing() {
    let swap = Swap::new(3, Way::Forward, PARTITIONED, 30).ended(End::Done);
    let rivalry = rivalry(2, PARTITIONED, [Actor::Swap(swap)]);
    assert_eq!(search(&rivalry).states, 1);
}
