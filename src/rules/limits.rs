//! Limits of loading and matching rules, each with unit and reason.

use std::time::Duration;

/// Distinct texts looked for in the file: each costs a search of it.
pub(super) const MAX_TEXTS: usize = 64;

/// Bytes of the longest file searched for encoded texts: it is copied twice for the search.
pub(super) const SEARCHED_FILE: usize = 16 << 20;

/// Reads remembered: every send is searched for each.
pub(super) const MAX_READS: usize = 1024;

/// Listings of folders looked at for names that a sample came upon: each is searched for each path.
pub(super) const MAX_LISTINGS: usize = 1024;

/// Places looked at for other modules: each costs a look at its first sections.
pub(super) const MAX_MODULES: usize = 4096;

/// Sections looked at of each such module: one that describes types has five.
pub(super) const MAX_SECTIONS: usize = 16;

/// Bytes of a YARA file at most: compiling it takes many times as much memory.
pub(super) const MAX_YARA: usize = 8 << 20;

/// Rule files of one load: public collections have a few thousand.
pub(super) const MAX_FILES: usize = 50_000;

/// Deepest nesting of folders: links may make circles.
pub(super) const FOLDER_DEPTH: usize = 32;

/// Bytes of a compiled regular expression at most: a rule file has thousands, and foreign ones may nest
/// repetitions.
pub(super) const REGEX_LIMIT: usize = 1 << 18;

/// Bytes looked at for the hint of a regular expression before it is compiled: above that a search with it
/// is faster, compiling included.
pub(super) const HINTED_BYTES: usize = 1 << 13;

/// Deepest nesting of groups that a hint is read from: reading recurses.
pub(super) const HINT_DEPTH: usize = 16;

/// Longest literal in bytes whose automaton is surely within [`AUTOMATON`]: it has a state for each byte,
/// each of a KiB at most.
pub(super) const LITERAL: usize = 128;

/// Problems kept of one load, those beyond counted: nobody mends more at once.
pub(super) const MAX_PROBLEMS: usize = 100;

/// Bytes of a rule file at most: the largest of ours has less than 2 KB.
pub const RULE_BYTES: usize = 1 << 18;

/// Deepest nesting of lists and maps: reading and evaluation recurse.
pub(super) const YAML_DEPTH: usize = 64;

/// Nodes of one file at most: each becomes a statement that is evaluated on every function.
pub(super) const YAML_NODES: usize = 20_000;

/// Longest scan. Only a rule with a quadratic condition on a large sample comes near.
pub(super) const YARA_TIME: Duration = Duration::from_secs(5);

/// Matches of one string looked for: each takes memory, and a byte may match millions of times.
pub(super) const YARA_MATCHES: u32 = 10_000;

/// Elements of a list that YARA rules see: each is copied into a value of the scanner.
pub(super) const YARA_LIST: usize = 10_000;

/// YARA rules that a limitation names, the rest counted: a sentence.
pub(super) const YARA_NAMED: usize = 3;

/// Bytes of an example of a rule at most: it is read into memory as a whole.
pub(crate) const MAX_EXAMPLE: u64 = 32 << 20;

/// Bytes of the automaton of a regular expression at most, and of the work to make it: searches make it while
/// they go, in a cache of this size. An expression with a larger one is charged for all of its states.
pub(super) const AUTOMATON: usize = 1 << 20;

/// Strings of each kind that a rule is suggested from, the best first: each is looked for in all benign
/// files.
pub(super) const SUGGESTIONS: usize = 100;

/// Strings of each kind in a suggested rule: as many as a reader looks at.
pub(super) const SUGGESTED: usize = 6;

/// How often a string may stand in the sample: what repeats is padding or generated.
pub(super) const TIMES_IN_SAMPLE: usize = 16;

/// Bytes of a text in a suggested rule at least: shorter ones are words.
pub(super) const LEAST_TEXT: usize = 10;

/// Bytes of a text in a suggested rule at most: a line.
pub(super) const LONGEST_TEXT: usize = 64;

/// Bytes of a stretch of code that are given at least: some eight operators.
pub(super) const LEAST_CODE: usize = 16;

/// Bytes of a stretch of code at most: a line.
pub(super) const LONGEST_CODE: usize = 32;

/// Different operators in a stretch of code at least: with fewer it is a table or an unrolled loop.
pub(super) const LEAST_OPERATORS: usize = 5;

/// Keys of one map of a rule: each is compared with those before it.
pub(super) const MAP_KEYS: usize = 256;

/// Characters of a name for which the nearest known one is looked for: each takes a row of a table.
pub(super) const COMPARED_NAME: usize = 64;

/// Bytes that the compiled expressions of paths take: those that ship take a part of it.
pub(super) const PATHS_COMPILED: usize = 64 << 20;
