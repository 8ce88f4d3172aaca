//! Options of `spoor` that leave a sample no limit but those of its process.

/// No limit of the run is nearer than those of the process.
pub(crate) const NO_LIMITS: [&str; 7] = [
    "--time-limit=0",
    "--entry-time=1000",
    "--entry-decisions=1000000000000",
    "--entry-instructions=1000000000000000",
    "--max-decisions=1000000000000",
    "--max-trace=100000",
    "--max-instructions=1000000000000000",
];
