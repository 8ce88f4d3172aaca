//! Limits of the search for modules in texts, each with unit and reason.

/// Bytes of a line of a dump: tools write 16, some 32.
pub(super) const MAX_LINE: u64 = 64;

/// Bytes that `*` may stand for in a dump: a few lines of text can claim as many as memory has.
pub(super) const MAX_REPEATED: usize = 16 << 20;

/// Characters of a line of a dump that are looked at: none is longer.
pub(super) const MAX_WIDTH: usize = 400;

/// Bytes of white space read at one place: a file of nothing else must not be read for each quote in it.
pub(super) const MAX_BLANK: usize = 4096;

/// Bytes of a comment between numbers: a longer one ends the list.
pub(super) const COMMENT_BYTES: usize = 500;

/// Bytes of white space and marks between two digits: more than tools write.
pub(super) const GAP_BYTES: usize = 200;

/// Digits of a number that are read: no byte has as many in any base.
pub(super) const NUMBER_DIGITS: usize = 70;
