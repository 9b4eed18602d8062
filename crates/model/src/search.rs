//! Every reachable state, nearest first.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use crate::model::{Event, Rivalry, State};

/// What a search has found.
pub(crate) struct Found {
    /// Different states.
    pub(crate) states: usize,
    /// Events on the longest of the shortest ways to a state.
    pub(crate) depth: usize,
    /// The nearest state in which something does not hold: what, and the way there.
    pub(crate) broken: Option<(&'static str, Vec<Event>)>,
}

/// How a state was reached first: from which other one, by its number, and by what.
type Way = Option<(usize, Event)>;

/// Searches until everything is found, or something that does not hold, of one property or of all.
pub(crate) fn search(rivalry: &Rivalry, property: Option<&str>) -> Found {
    let start = rivalry.start();
    let mut seen = HashSet::from([fingerprint(&start)]);
    let mut ways: Vec<Way> = vec![None];
    let mut frontier = vec![(0, start)];
    let mut depth = 0;
    loop {
        let mut next = Vec::new();
        for (number, state) in frontier {
            let events = rivalry.events(&state);
            if let Some(broken) = rivalry.broken(&state, events.is_empty(), property) {
                let broken = Some((broken, way_to(&ways, number)));
                return Found { states: ways.len(), depth, broken };
            }
            for event in events {
                let Some(after) = rivalry.after(&state, &event) else { continue };
                if seen.insert(fingerprint(&after)) {
                    next.push((ways.len(), after));
                    ways.push(Some((number, event)));
                }
            }
        }
        if next.is_empty() {
            return Found { states: ways.len(), depth, broken: None };
        }
        frontier = next;
        depth += 1;
    }
}

/// States are told apart by 128 bits: the whole of each would not fit into memory, and two of a million share them with
/// a chance of one in 10^26.
fn fingerprint(state: &State) -> (u64, u64) {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let of = |seed: u8| {
        let mut hasher = hasher.build_hasher();
        seed.hash(&mut hasher);
        state.hash(&mut hasher);
        std::hash::Hasher::finish(&hasher)
    };
    (of(0), of(1))
}

fn way_to(ways: &[Way], number: usize) -> Vec<Event> {
    let mut events = Vec::new();
    let mut at = number;
    while let Some((before, event)) = &ways[at] {
        events.push(event.clone());
        at = *before;
    }
    events.reverse();
    events
}
