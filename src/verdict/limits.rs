//! What bounds a verdict, each with unit and reason.

/// Reasons kept in a verdict; the last says how many more there are.
pub(super) const MAX_REASONS: usize = 50;

/// Places kept in a finding or a correlation; texts give the whole number.
pub(super) const MAX_PLACES: usize = 20;

/// Characters kept of a string of the sample in a sentence: a line.
pub(super) const QUOTED: usize = 80;

/// Calls told of that did not run and could do harm: a reason is a line or two.
pub(super) const UNSEEN_TOLD: usize = 3;

/// Constants before a call among which are the flags that open a file: as many as it has arguments.
pub(super) const OPENING_ARGUMENTS: usize = 4;

/// Callers that are asked why they did not call what mixes bits: one says it, or none does.
pub(super) const UNSEEN_WAY: usize = 64;

/// Functions that a caller may call indirectly for its calls to speak for each of them: dispatchers of a
/// small program have fewer, and tables of a library hundreds.
pub(super) const UNSEEN_FANOUT: usize = 32;

/// Times that a sample comes by from which on waiting for them is no habit of a program.
pub(super) const FAR: i64 = 64;

/// Calls of unknown functions, or pauses, after a file was read: by their order they may tell its contents,
/// as many bits.
pub(super) const ORDERED_CALLS: usize = 32;

/// Bytes of a file in the name of another that are more than a part of a path.
pub(super) const NAMED_BYTES: u64 = 16;

/// Functions of a library around a host function that are taken for it: `time` around `clock_gettime`.
pub(super) const UNSEEN_WRAPPED: usize = 2;

/// Share of the contents of a file of the user below which a change in place is no edit.
pub(super) const PARTLY_LOST: f64 = 0.6;

/// Times that a loop goes round before it is a search: who compares a text with another does so less often.
pub(super) const SEARCHED: u64 = 1_000;

/// One of so many rounds at most in which a search compares with another outcome than else.
pub(super) const RARELY: u64 = 50;

/// Bytes that hashes take at a time (FIPS 180-4 and 202, RFC 7693).
pub(super) const BLOCKS: [u64; 7] = [64, 72, 104, 128, 136, 144, 168];

/// Instructions at most of a step of an interpreter.
pub(super) const HANDLER: u64 = 64;

/// Numbers that a function compares with which chooses among the operators of a program.
pub(super) const CHOICES: usize = 5;

/// Calls between the constants of a hash and its rounds: a library wraps each step in a function.
pub(super) const HASH_CALLS: usize = 3;

/// A part of a hash ran as much as one of so many of another part's instructions: what ran once explains
/// nothing of what goes on.
pub(super) const PARTS: u64 = 16;

/// Executed instructions of a function below which nobody looks for xor in disguise: fewer search for
/// nothing.
pub(super) const LOOKED_FOR: u64 = 10_000_000;

/// Numbers for which a function is computed: two words that agree in all of them are the same.
pub(super) const TRIED: usize = 4;

/// Values that one may be made of: the longest way to write xor takes seven operators.
pub(super) const BELOW: usize = 12;

/// Values of a function that are kept: 8 MB. Beyond, all are forgotten.
pub(super) const MAX_NODES: usize = 100_000;

/// Bytes of a text in the data that may be a command: a line.
pub(super) const LINE: usize = 1024;

/// Characters of an identifier that are split into words: none that people write is longer.
pub(super) const IDENTIFIER: usize = 256;

/// Addresses in the code of exports at which a command is looked for: each is a look at a line.
pub(super) const CARRIED: usize = 65_536;

/// Letters of a name that may be a piece of a text: a shorter one is base64 by chance.
pub(super) const NAME_PIECE: usize = 16;

/// Such names that are put together.
pub(super) const NAMES: usize = 4096;

/// Letters of a word that says something of where it came from.
pub(super) const WORD: usize = 5;

/// Such words of a script that are looked for in the file.
pub(super) const WORDS: usize = 32;

/// Files with names that say nothing of those before from which on nobody tidies up.
pub(super) const RENAMED: usize = 2;

/// Bytes that a sample left when there was no room for more: half of all room there is.
pub(super) const FILLED_BYTES: u64 = 32 << 20;

/// Bytes of a message of which it may be known beforehand what it can be.
pub(super) const SHORT_BYTES: u64 = 4;

/// Letters of a name that may be a whole page or command.
pub(super) const LONG_NAME: usize = 40;

/// Letters before a piece of a text in a name: its number.
pub(super) const NUMBERED: usize = 4;

/// Bytes of a section that no runtime reads in which a page or a command is looked for.
pub(super) const SECTION: usize = 64 << 10;

/// Words of memory that a function looks at which feeds a hash: one of its result, and how far it is to go.
pub(super) const LOOKED_AT: usize = 2;

/// Bytes by which a file of the user grows that nobody had named: more than what is added to a journal.
pub(super) const SWOLLEN_BYTES: u64 = 1 << 20;

/// Times what it was that it grows by at least then: a large file may well grow by so many bytes.
pub(super) const SWOLLEN_TIMES: u64 = 8;

/// Bytes of a path in the data that is looked at: systems take no longer ones.
pub(super) const PATH_BYTES: usize = 4096;
