//! The options that bound a run, shared by the subcommands that run a sample.

use std::time::Duration;

use clap::Args;
use wasmspoor::{AtTraceLimit, Limits};

/// Folders that extractions of the same sample get, each with the next number: a loop over names ends.
pub(super) const EXTRACT_FOLDERS: u32 = 10_000;

/// Time that Graphviz gets: its layouts can take for ever.
pub(super) const GRAPHVIZ_TIME: Duration = Duration::from_secs(60);

/// Bytes of all files of a folder that is copied into the sandbox: what the sandbox holds.
pub(super) const HOST_DIR_BYTES: u64 = 64 << 20;

/// Files and directories of such a folder: half of what the sandbox has room for.
pub(super) const HOST_DIR_ENTRIES: usize = 5000;

/// Links that lead to each other on the way to a file that is written: as many as the kernel follows.
pub(super) const MAX_LINKS: usize = 40;

/// Directories in each other in such a folder: the walk keeps a path for each.
pub(super) const HOST_DIR_DEPTH: usize = 64;

/// Bytes of a sample file at most: it is held in memory as a whole.
pub(super) const MAX_SAMPLE_BYTES: u64 = 1 << 30;

/// Bytes that the process of a sample may hold, whatever it may reserve.
pub(super) const HELD_BYTES: u64 = 3 << 30;

/// Exports that a message lists, the rest counted: a few lines.
pub(super) const EXPORTS_SHOWN: usize = 20;

/// Rows of a table at most, the rest counted: a page.
pub(super) const TRACE_ROWS: usize = 20;

/// Bytes of memory that `state` shows at most of one range: a file of 64 MiB as text.
pub(super) const STATE_MEMORY: u64 = 16 << 20;

/// Copies that `who-wrote` follows at most: for each the run is computed once more.
pub(super) const COPIES_FOLLOWED: u32 = 16;

/// Places and instructions that `find` lists at most, the rest counted: some pages.
pub(super) const FOUND_SHOWN: usize = 100;

/// Bytes of a message of the Debug Adapter Protocol at most: a list of breakpoints is far less.
pub(super) const DAP_MESSAGE: u64 = 16 << 20;

/// Instructions that an editor gets at once at most.
pub(super) const DAP_INSTRUCTIONS: u64 = 1 << 14;

/// Bytes of memory that an editor gets at once at most.
pub(super) const DAP_MEMORY: u64 = 1 << 20;

/// Instructions whose values `dump` computes at once: some MiB.
pub(super) const VALUES_WINDOW: u64 = 1 << 14;

/// Losses named of a file, the rest counted: a page.
pub(super) const MAX_LOST: usize = 10;

/// Files that are kept in mind; a folder with more is not one to watch.
pub(super) const WATCHED_FILES: usize = 200_000;

/// Rows that wait for the command of `spoor watch`; after them, samples wait.
pub(super) const WATCH_WAITING: usize = 16;

/// Limits of the run
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Limits")]
pub(super) struct Arguments {
    /// Stop after this many seconds (0: no limit) [default: 10; with --persona as that says]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    time_limit: Option<f64>,
    /// Stop after this many decisions (branches taken or not, table indices, …): a limit that does not
    /// depend on the machine [default: none; in the sandbox, so of all but trace and dump, 150 million]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_decisions: Option<u64>,
    /// Stop after this many executed instructions, counted when a chunk of the trace is full [default: none;
    /// in the sandbox 2.5 billion]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_instructions: Option<u64>,
    /// Stop after this many calls of host functions
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 10_000_000)]
    max_host_calls: u64,
    /// Size of the recorded trace in MiB [default: 256; with --persona as that says]
    #[arg(long, value_name = "MIB", allow_negative_numbers = true)]
    max_trace: Option<u64>,
    /// What happens at that size [default: stop; with --persona as that says]
    #[arg(long, value_enum, value_name = "ACTION")]
    at_max_trace: Option<AtTraceLimit>,
    /// Size of all memories together in pages of 64 KiB; growth beyond is refused, and of a memory that
    /// begins with more so much is there; 65,536 at most. In the sandbox all of it is there, and 1024 pages
    /// beyond may be written to [default: 4096; in the sandbox 8192]
    #[arg(long, value_name = "PAGES", allow_negative_numbers = true)]
    max_memory: Option<u64>,
    /// Elements of all tables together; growth beyond is refused; 100 million at most
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 10_000_000)]
    max_table: u64,
    /// Nested calls; one more is a trap; a million at most
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 100_000)]
    max_depth: usize,
}

impl Arguments {
    /// The limits given, and those of `limits` where none is.
    pub(super) fn to_limits(&self, mut limits: Limits) -> Result<Limits, anyhow::Error> {
        limits.wall_time = match self.time_limit {
            None => limits.wall_time,
            Some(0.0) => None,
            Some(seconds) => Some(
                Duration::try_from_secs_f64(seconds)
                    .map_err(|_| anyhow::anyhow!("--time-limit {seconds} is not a time"))?,
            ),
        };
        limits.decisions = self.max_decisions.or(limits.decisions);
        limits.instructions = self.max_instructions.or(limits.instructions);
        limits.host_calls = Some(self.max_host_calls);
        limits.trace_bytes = self.max_trace.map_or(limits.trace_bytes, |mib| mib.saturating_mul(1 << 20));
        limits.at_trace_limit = self.at_max_trace.unwrap_or(limits.at_trace_limit);
        limits.memory_pages = self.max_memory.unwrap_or(limits.memory_pages);
        limits.table_elements = self.max_table;
        limits.call_depth = self.max_depth;
        limits.check().map_err(anyhow::Error::msg)?;
        Ok(limits)
    }
}

/// Columns of a heat map: as many as are told apart in a picture.
pub(super) const HEAT_COLUMNS: u64 = 256;

/// Bytes of one read or write that a line of `spoor dump --tenet` shows: a page. Bulk operations can write
/// gigabytes.
pub(super) const TENET_BYTES: usize = 1 << 12;

/// Edges of a graph that is drawn whole if nobody says what of it: Graphviz takes seconds.
pub(super) const DRAWN_EDGES: usize = 1_500;

/// Functions that are drawn of one with more.
pub(super) const DRAWN_FUNCTIONS: usize = 60;

/// Parts missing of a run that are told on standard error: a screen has room for them.
pub(super) const LOST_SHOWN: usize = 10;

/// Bytes of a line of a header of a debugger's message: a number and its name.
pub(super) const DAP_HEADER: u64 = 4096;

/// Characters shown of a rule of a model: a line or two.
pub(super) const RULE_TEXT: usize = 200;
