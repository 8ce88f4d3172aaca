//! Limits of profiles of categories, each with unit and reason.

/// Steps kept of a sequence; equal calls in a row are one step. A report of more is read by nobody, and a run
/// can have millions.
pub const MAX_STEPS: usize = 10_000;

/// Call sites kept: more than programs have that call WASI, and what a report can hold.
pub const MAX_SITES: usize = 1_000;
