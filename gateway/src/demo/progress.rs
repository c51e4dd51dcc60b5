//! What the person at the terminal sees while the lake is made: owns the bar, and the plain lines
//! where there is no terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Steps done out of steps to do, on standard error.
#[derive(Debug)]
pub(super) enum Progress {
    /// A bar that redraws itself.
    Bar(ProgressBar),
    /// A line a step.
    Lines,
}

impl Progress {
    /// Starts at nothing done.
    pub(super) fn start(steps: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::new(steps);
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} making the demo lake [{bar:30}] {pos}/{len} {msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self::Bar(bar)
    }

    /// A step begins.
    pub(super) fn begin(&self, what: &str) {
        match self {
            Self::Bar(bar) => bar.set_message(what.to_owned()),
            Self::Lines => line(&format!("demo lake: {what}")),
        }
    }

    /// A step ended.
    pub(super) fn step(&self) {
        if let Self::Bar(bar) = self {
            bar.inc(1);
        }
    }

    /// Every step ended.
    pub(super) fn finish(&self, what: &str) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
        line(what);
    }
}

/// A closed standard error is no reason to stop making the lake.
fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
