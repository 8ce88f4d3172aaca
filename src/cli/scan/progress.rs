//! The sign of life of a batch on standard error: a bar on a terminal, now and then a line anywhere else.

use std::{
    io::{self, IsTerminal as _},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use wasmspoor::{scan::summary::Progress, text::plural};

/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

pub(super) struct Screen {
    bar: Option<indicatif::ProgressBar>,
    started: Instant,
    told: Instant,
}

impl Screen {
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = indicatif::ProgressBar::new(0);
            let style =
                indicatif::ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {per_sec} {msg}");
            bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar, started: Instant::now(), told: Instant::now() }
    }

    /// Writes something else, out of the way of the bar.
    pub(super) fn apart<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        let [found, done, failures] =
            [&progress.found, &progress.done, &progress.failures].map(|n| n.load(Ordering::Relaxed));
        let is_counted =
            progress.is_counted.load(Ordering::Relaxed) && progress.unpacking.load(Ordering::Relaxed) == 0;
        if let Some(bar) = &self.bar {
            bar.set_length(found);
            bar.set_position(done);
            bar.set_message(after([found, done, failures], is_counted, self.started.elapsed()));
        } else if self.told.elapsed() >= LINE {
            self.told = Instant::now();
            crate::cli::complain!(
                "spoor: {}",
                line([found, done, failures], is_counted, self.started.elapsed())
            );
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line([found, done, failures]: [u64; 3], is_counted: bool, elapsed: Duration) -> String {
    let after = after([found, done, failures], is_counted, elapsed);
    format!("{done} of {found}, {:.1} a second, {after}", rate(done, elapsed))
}

/// Failures, and the time left if it is known how much there is to do.
fn after([found, done, failures]: [u64; 3], is_counted: bool, elapsed: Duration) -> String {
    let rate = rate(done, elapsed);
    let left = match is_counted && rate > 0.0 {
        true => format!(", about {:.0} s left", found.saturating_sub(done) as f64 / rate),
        false => String::new(),
    };
    format!("{}{left}", plural(failures, "failure"))
}

fn rate(done: u64, elapsed: Duration) -> f64 {
    done as f64 / elapsed.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_long_it_takes_once_that_is_known() {
        let second = Duration::from_secs(10);
        assert_eq!(line([100, 50, 1], true, second), "50 of 100, 5.0 a second, 1 failure, about 10 s left");
        assert_eq!(line([100, 50, 1], false, second), "50 of 100, 5.0 a second, 1 failure");
        assert_eq!(line([100, 0, 0], true, second), "0 of 100, 0.0 a second, 0 failures");
    }
}
