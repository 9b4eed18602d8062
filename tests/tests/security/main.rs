//! What docs/SECURITY.md promises beside the policies, the programs as processes on the local lake.

mod encryption;
mod injection;
mod owner;
mod secrets;
mod story;
