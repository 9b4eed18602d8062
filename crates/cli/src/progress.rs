//! Progress bars for a person at a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What a bar counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as KiB, MiB and so on.
    Bytes,
    /// Files, partitions, keys.
    Items,
}

/// A bar on stderr; nothing at all when stderr is no terminal.
#[derive(Clone, Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar of `total` units; with a total of 0 it only counts up.
    pub(crate) fn new(what: &'static str, total: u64, unit: Unit) -> Self {
        // Draws nothing unless stderr is a terminal.
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), ProgressDrawTarget::stderr());
        let template = match (unit, total > 0) {
            (Unit::Bytes, true) => "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}",
            (Unit::Bytes, false) => "{prefix} {spinner} {bytes} {bytes_per_sec}",
            (Unit::Items, true) => "{prefix} {wide_bar} {pos}/{len}",
            (Unit::Items, false) => "{prefix} {spinner} {pos}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        Self(bar)
    }

    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.inc(n);
    }

    /// Takes the bar off the terminal.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
