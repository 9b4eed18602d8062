//! Rivals: two steps on one table, their requests interleaved in every way up to a bound, and steps that stall before each of
//! their requests while the world goes on. The steps are the real ones, below `main`; each schedule plays on a fork of
//! one prepared lake.
//!
//! `crates/model` searches the same rivalries without a bound on context switches, with crashes and lost answers; a few
//! of them run as processes in `pipeline_local`.

mod collecting;
mod orders;
mod picture;
mod schedules;
mod staging;
mod stalled;
mod stalls;
mod suspended;
mod swapping;
mod tally;
mod turnstile;
