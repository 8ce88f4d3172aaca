//! Limits of the static view, each with unit and reason.

/// Indirect edges kept in `CallGraph::edges`: callers times entries of a
/// table may be billions.
pub const MAX_INDIRECT_EDGES: usize = 200_000;

/// Items read of one section. A module with more is invalid to the validator, so this cut never stands alone.
pub(super) const MAX_ITEMS: usize = 1_000_000;

/// Bytes of import names kept. Of a compact import group one long module name belongs to every item.
pub(super) const MAX_IMPORT_TEXT: usize = 64 << 20;

/// Parameters, or results, that a type in text shows: a type has up to a thousand of each.
pub(super) const MAX_TYPE_TEXT: usize = 32;

/// Windows of entropy at most: what a picture of a file shows.
pub(super) const MAX_WINDOWS: usize = 1024;

/// Different figures that are looked for again. Those of small functions come first in any large module.
pub(super) const MAX_SHARED: usize = 4096;

/// Indicators kept: a file of nothing but addresses has a hundred thousand for each MiB.
pub(super) const MAX_IOCS: usize = 5_000;

/// Files that a sample left of which path and hash are indicators: who encrypts all of a disk leaves as many
/// as there were. `files` in the report has the others.
pub(super) const MAX_DROPPED: usize = 200;

/// Anomalies kept of one kind, the rest counted in a last one of the kind `more_anomalies`: a broken file has
/// one for each section.
pub(super) const MAX_OF_A_KIND: usize = 16;

/// Custom sections kept, and as many of all others together. Empty sections take two bytes of the file and
/// much more here. Sections that a module needs are kept whatever stands before them: the first section of
/// each id, and the first of each name in `KEPT_CUSTOM`.
pub(super) const MAX_SECTIONS: usize = 4096;

/// Strings kept in `View::strings`, in the order of the file: a report of more is
/// read by nobody.
pub const MAX_STRINGS: usize = 20_000;

/// Decoded strings among them: one key too many makes text of anything.
pub(super) const MAX_DECODED: usize = 2_000;

/// Characters decoded of one module: the same bytes may be text under many keys.
pub(super) const MAX_DECODED_LEN: usize = 32 << 20;

/// Characters of a link in rot13: links are shorter, and each beginning is tried.
pub(super) const MAX_LINK: usize = 200;

/// Characters decoded on either side of a needle: each needle may stand a million times.
pub(super) const MAX_AROUND: usize = 1024;

/// Bytes of an indicator that are kept: some patterns have no end.
pub(super) const MAX_VALUE: usize = 4096;

/// Characters before the `@` of an address, as the standard has it.
pub(super) const MAX_LOCAL: usize = 64;

/// Characters of a label of a domain, as the standard has it.
pub(super) const MAX_LABEL: usize = 63;

/// Labels of a domain before the last: more are no name that people use.
pub(super) const MAX_LABELS: usize = 4;

/// Bytes looked at behind the magic number of an embedded file: the first section of a module is there.
pub(super) const EMBEDDED_HEAD: usize = 4096;

/// Bytes of all names that are made plain or taken from Go's table: a few bytes of a module can stand for
/// thousands.
pub(super) const DEMANGLED: usize = 64 << 20;

/// Tables of Go's functions that are looked at: a program has one.
pub(super) const GO_TABLES: usize = 16;

/// Bytes of a name there.
pub(super) const GO_NAME: usize = 1024;

/// Bytes of all entries and names there, of all tables together: many may share a name.
pub(super) const GO_NAMES: usize = 32 << 20;

/// Calls of a function whose callees its fingerprint can count in: those with more are told apart by their
/// own code, and bodies full of calls cost no memory.
pub(super) const CALLS_HASHED: usize = 32;

/// Bytes of the table of libraries, unpacked.
pub(super) const LIBRARIES_TEXT: usize = 4 << 20;
