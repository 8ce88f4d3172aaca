//! Limits of what reports show, each with unit and reason.

/// Nesting of evidence that is written; deeper parts are left out of the document and stand in the JSON
/// report.
pub(super) const CAPA_DEPTH: usize = 64;

/// Characters of a field at most: spreadsheets cut at 32,767, and lists join many texts.
pub(super) const MAX_FIELD: usize = 2000;

/// Characters shown of what an export returned: enough to see what it is.
pub(super) const RETURNED_HEAD: usize = 200;

/// Entries of a list that the text shows, the rest counted: a page.
pub(super) const DIFF_SHOWN: usize = 20;

/// Characters of a label at most: a node stays a box that can be read.
pub(super) const MAX_LABEL: usize = 200;

/// Mnemonics shown of a block: a node stays a box that can be read.
pub(super) const SHOWN_OPS: usize = 6;

/// Characters shown of a name: a table keeps its columns.
pub(super) const NAME_SHOWN: usize = 60;

/// Characters shown of a file and line: paths of compilers are long, and one is of use only whole.
pub(super) const LINE_SHOWN: usize = 200;

/// Places whose lines the report has; the rest are among those that are counted elsewhere.
pub(super) const SOURCE_PLACES: usize = 5_000;

/// Locations of one result at most: viewers list them all.
pub(super) const MAX_LOCATIONS: usize = 20;

/// Characters of a message at most: viewers show a line or a few.
pub(super) const MAX_MESSAGE: usize = 1000;

/// Characters of what was found that a capa document has: viewers show a line.
pub(super) const CAPA_FOUND: usize = 200;

/// Steps of a timeline, those beyond counted: a report of more is read by nobody.
pub(super) const TIMELINE_STEPS: usize = 1000;

/// Characters of a text in a step: a line or two.
pub(super) const TIMELINE_TEXT: usize = 200;

/// Indicators of one sample that are exchanged: platforms take thousands, and nobody acts on more.
pub(super) const STIX_INDICATORS: usize = 200;

/// Statements of a rule that a reason names, the rest counted: a line or two.
pub(super) const SHOWN_FOUND: usize = 3;

/// Statements of a rule that are looked at to name these.
pub(super) const MOST_FOUND: usize = 16;

/// Nesting of evidence that is looked into: rules nest less.
pub(super) const EVIDENCE_DEPTH: usize = 32;

/// Characters of what a statement seeks: half a line.
pub(super) const SHOWN_SOUGHT: usize = 60;

/// Characters of an argument in a trace for Perfetto: what points at it shows a line.
pub(super) const CHROME_TEXT: usize = 200;

/// Bytes of a line of a list of known files at most: a hash, and a name that may be a long path.
pub(super) const KNOWN_LINE: u64 = 64 << 10;

/// Characters kept of the name of a known file: a release, and a path in it.
pub(super) const KNOWN_NAME: usize = 200;

/// Files of all lists at most, in files: each takes 40 bytes of memory and its name. All modules of the two
/// largest registries are fewer.
pub(super) const KNOWN_FILES: usize = 10_000_000;

/// Bytes of the names of all lists at most: 100 for each file. With the files that is 1.4 GB, however long
/// the names in a list are.
pub(super) const KNOWN_NAMES: usize = 1_000_000_000;

/// Characters of a name that the sample chose, in formats for other tools: those cut lines too.
pub(super) const NAME_CHARS: usize = 200;

/// Made-up calls that ran no new code and called no host, and keep their metrics: exploring makes hundreds.
pub(super) const REPEATS: usize = 16;

/// Characters of a name that stays whole in a shortened report: mangled ones are shorter, nearly all. A
/// sample can have a name of its own length, and thousands of calls that repeat it.
pub(super) const NAME_KEPT: usize = 1000;
