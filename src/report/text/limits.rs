//! Limits of what the text report shows, each with unit and reason.

/// Places of a rule printed below the highest level, the rest counted: a few lines.
pub(super) const SHOWN_PLACES: usize = 10;

/// Nesting of evidence that is printed: it indents, and printing recurses.
pub(super) const EVIDENCE_DEPTH: usize = 32;

/// Host calls printed, the rest counted: a few pages.
pub(super) const SHOWN_CALLS: usize = 200;

/// Characters of a line, of a limitation, a reason or a fact: four lines of a terminal.
pub(super) const MAX_LINE: usize = 300;

/// Limitations, and reasons, shown at the lowest level: the head stays above the fold.
pub(super) const SHOWN_REASONS: usize = 3;

/// Names in a line of what it did and what was not seen, the rest counted: a line or two.
pub(super) const SHOWN_ITEMS: usize = 3;

/// Characters of a cell: the table wraps it, and a sample may choose megabytes.
pub(super) const MAX_CELL: usize = 200;
