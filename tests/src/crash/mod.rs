//! Every crash point: a step is disturbed at each of its requests in turn, run again, and followed by the rest of the
//! pipeline. The lake must end as it does when nothing happens, and a reader who looks after every change that is
//! applied must see exactly one whole version each time.
//!
//! A [`Scenario`] says which step it is and what the lake looks like when it begins; [`Mode`] says what happens to the
//! k-th request; [`try_every_point`] tries all of them, each on a fork of the scenario's lake.

mod documented;
mod end;
mod matrix;
mod mode;
mod process;
mod scenario;
mod stage;
mod tally;
mod version;
mod watch;

pub use documented::{KILLED, POINTS, rows, tell};
pub use matrix::{requests, try_every_point};
pub use mode::Mode;
pub use process::kill_at_every_point;
pub use scenario::{Scenario, Shape, Story};
pub use tally::Tally;
