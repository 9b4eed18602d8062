//! The protocol as a state space: swaps, rollbacks and gc at the granularity of one request, interleaved in every way,
//! with crashes, lost answers and leases that run out. Tests only.
//!
//! What decides is production's own: [`Manifest::decide_swap`](lakeward_manifest::Manifest::decide_swap), the manifest's
//! transitions, and gc's plan. What is modelled is the order of the requests and what S3 and Glue do with them.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod gc;
#[cfg(test)]
mod lake;
#[cfg(test)]
mod model;
#[cfg(test)]
mod named;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod search;
#[cfg(test)]
mod swap;
