//! What subcommands read, and the sign of life while they work.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::limits::MAX_SAMPLE_BYTES;
use anyhow::Context as _;
use wasmspoor::text::line;

/// Whether standard input was read: what was there is gone.
static STDIN_IS_READ: AtomicBool = AtomicBool::new(false);

/// Reads a sample, from standard input if it is called `-`; that can be done once.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let source: Box<dyn io::Read> = match file.to_str() {
        Some("-") => {
            let again = STDIN_IS_READ.swap(true, Ordering::Relaxed);
            anyhow::ensure!(!again, "standard input (`-`) can be read once only");
            Box::new(io::stdin().lock())
        }
        _ => Box::new(File::open(file).with_context(|| file.display().to_string())?),
    };
    source.take(MAX_SAMPLE_BYTES + 1).read_to_end(&mut bytes).with_context(|| file.display().to_string())?;
    anyhow::ensure!(
        bytes.len() as u64 <= MAX_SAMPLE_BYTES,
        "{}: larger than {MAX_SAMPLE_BYTES} bytes",
        file.display()
    );
    Ok(bytes)
}

/// A spinner on the standard error, if that is a terminal, from the first second on.
pub(super) struct Progress(indicatif::ProgressBar);

impl Progress {
    pub(super) fn begin(doing: &str, file: &Path) -> Self {
        let bar = indicatif::ProgressBar::new_spinner();
        let style = indicatif::ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_spinner());
        bar.set_style(style);
        bar.set_message(format!("{doing} {}", line(&file.display().to_string())));
        bar.enable_steady_tick(Duration::from_secs(1));
        Self(bar)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
