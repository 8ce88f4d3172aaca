//! What bounds what the sandbox keeps and looks at, each with unit and reason.

/// Imports named that were taken for others; the others are counted.
pub(super) const TAKEN_NAMED: usize = 16;

/// Characters shown of such a name, and what it was taken for.
pub(super) const TAKEN_SHOWN: usize = 80;

/// Bytes looked through for an argument that comes with a length: what a loader hands over begins there.
pub(super) const CARVE_SCAN: u64 = 64 << 10;

/// Bytes looked through for any other argument: it may be a pointer by chance.
pub(super) const CARVE_GLANCE: u64 = 64;

/// Modules kept that were found in memory: each becomes a file.
pub(super) const CARVED_MODULES: usize = 16;

/// Bytes kept of all such modules together: what came of a run must fit into a trace file.
pub(super) const CARVED_BYTES: usize = 16 << 20;

/// Bytes looked through for modules in a run; scanning must not become the cost of a call.
pub(super) const CARVE_SCANNED: u64 = 512 << 20;

/// Bytes looked at where an export returned an address: the head of a page shows what it is.
pub(super) const RETURNED_SCAN: usize = 64 << 10;

/// Bytes looked at behind the layers of one text: it may be read in several ways, and each way again.
pub(super) const BEHIND: usize = 1 << 20;

/// Things kept that exports returned: each is looked through by rules.
pub(super) const RETURNED_KEPT: usize = 16;

/// Bytes kept of them: what came of a run must fit into a trace file.
pub(super) const RETURNED_BYTES: usize = 256 << 10;

/// Bytes looked at in a run for what exports return: a fraction of a second.
pub(super) const RETURNED_SCANNED: usize = 16 << 20;

/// Bytes kept of all arguments of a run and of what they point at: what came of a run must fit into a trace
/// file.
pub(super) const LOG_BYTES: usize = 64 << 20;

/// Bytes of names that a call may have for each place that it takes: known functions have fewer.
pub(super) const LOG_NAMES: usize = 512;

/// Arguments of a call kept whatever was kept before, without what they point at: enough to tell what it was
/// asked.
pub(super) const LOG_ARGS: usize = 4;

/// Bytes that entropy is measured over: it costs a pass over them at every call.
pub(super) const MEASURED: usize = 64 << 10;

/// Pairs of pointer and length looked at in one call: as many as a system allows.
pub(super) const IOVS: u64 = 1024;

/// Bytes of calls looked through for honeytokens in a run: a fraction of a second.
pub(super) const TOKEN_SCANNED: u64 = 256 << 20;

/// Places listed of a honeytoken, the others counted.
pub(super) const TOKEN_LEAKS: usize = 100;

/// Hits of one search looked at: a sample may fill a buffer with them.
pub(super) const TOKEN_HITS: usize = 1000;

/// Pieces of a long honeytoken that are looked for: each costs a search.
pub(super) const TOKEN_PIECES: usize = 32;

/// Host calls kept in `Run::calls`. No single function can use up the places, and some are kept for each
/// function of WASI, so that a flood of calls hides no other.
pub const MAX_CALLS: usize = 200_000;

/// Arguments kept of a host call; known functions have fewer.
pub const MAX_ARGS: usize = 32;

/// Bytes kept of standard output, and as many of standard error: what came of a run must fit into a trace
/// file.
pub const MAX_OUTPUT: usize = 1 << 20;

/// Bytes kept of what an argument points at: enough to see a key, a path or a head; the trace has them all.
pub const MAX_POINTED: usize = 4096;

/// Bytes up to which the length of a text is measured that does not come with one: each costs a look.
pub(super) const STRING_MEASURED: usize = 16 << 10;

/// Bytes of files at the end of a run in which what was there before is looked for: a second.
pub(super) const DAMAGE_SEARCHED: usize = 64 << 20;

/// Bytes that one file is unpacked to when what was there before is looked for: a small file may hold
/// gigabytes.
pub(super) const DAMAGE_DECODED: u64 = 8 << 20;

/// Bytes of each of two contents that are compared for the order of their parts: a second.
pub(super) const DAMAGE_ORDERED: usize = 4 << 20;

/// Bytes of texts that a run made in which the words of those are looked for that are gone.
pub(super) const DAMAGE_TOLD: usize = 1 << 20;

/// Bytes of the files that arguments name in which the names of others are looked for.
pub(super) const WANTED_LISTS: usize = 1 << 20;

/// Bytes without a blank in a text that is taken for words: more may be something in an encoding.
pub(super) const WANTED_WORD: usize = 256;

/// Bytes of a file that are looked at to tell what it is: a script shows it in its first lines.
pub(super) const HELD_BYTES: usize = 64 << 10;

/// Bytes looked at for that in all files of a run: a fraction of a second.
pub(super) const HELD_SCANNED: usize = 32 << 20;

/// Bytes of a file looked at when there is no more room: most show what they are.
pub(super) const HELD_GLANCE: usize = 512;

/// Bytes that the archives of a run are unpacked to for that, those within others included. What comes after
/// is an archive that was not looked at.
pub(super) const HELD_UNPACKED: usize = 64 << 20;

/// Archives within an archive that are looked into: more than people make.
pub(super) const HELD_DEPTH: usize = 8;

/// Memory that unpacking may ask for, in KiB: what xz takes at its highest level.
pub(super) const UNPACKED_KIB: u32 = 128 << 10;

/// Members of an archive that are unpacked when its contents are looked at.
pub(super) const DAMAGE_MEMBERS: usize = 1000;

/// Bytes looked at in a run for what host functions are handed in some encoding: a fraction of a second.
pub(super) const HANDED_SCANNED: usize = 4 << 20;

/// Bytes of these for one function: a flood of calls of one hides no other.
pub(super) const HANDED_EACH: usize = 512 << 10;

/// Encodings taken off one after another of what is handed over or returned: people use two, and who hides
/// something uses more.
pub(super) const LAYERS: usize = 24;

/// Long runs of letters within a text that are looked at; most texts have none.
pub(super) const RUNS: usize = 256;

/// Letters of such a run by which it is told whether it stands for anything.
pub(super) const RUN_HEAD: usize = 256;

/// Bytes in which what is handed over must begin, after blanks.
pub(super) const HANDED_BLANKS: usize = 2 << 20;

/// Bytes of text passed over fast in a run when there is no room for more than that: a fraction of a second.
pub(super) const HANDED_GLANCED: usize = 64 << 20;

/// Bytes of such a text by which it is told whether it is in some encoding.
pub(super) const HANDED_HEAD: usize = 512;

/// Arguments that are followed over calls; each keeps a text. Many hosts together have fewer.
pub(super) const HANDED_KEYS: usize = 4096;

/// Numbers and bytes of text that they keep together: some 32 MiB.
pub(super) const HANDED_KEPT: usize = 1 << 20;

/// Bytes of memory looked through in a run for what was built there: a fraction of a second.
pub(super) const BUILT_SCANNED: usize = 192 << 20;

/// Bytes after which another automaton looks, which is faster and takes longer to be made.
pub(super) const BUILT_SLOW: usize = 2 << 20;

/// Bytes of memory compared in a run with what was there before: only what changed is looked through.
pub(super) const BUILT_COMPARED: usize = 3 << 30;

/// Bytes of memory compared in a run while host functions are called that nobody knows: a fraction of a
/// second.
pub(super) const BUILT_PEEKED: usize = 256 << 20;

/// Things kept that lay there at a call until the entry ends, each of 64 KiB at most.
pub(super) const BUILT_WAITING: usize = 256;

/// Bytes of memory in which text is looked for in a run whose characters are all too large or too small.
pub(super) const SHIFTED_SCANNED: usize = 8 << 20;

/// Numbers that are tried in a run to be taken away from such text: a fraction of a second.
pub(super) const SHIFTED_TRIED: usize = 4000;

/// Characters of such text by which it is told what it is.
pub(super) const SHIFTED_HEAD: usize = 4096;

/// Numbers of such a text at least: fewer are close together by chance.
pub(super) const SHIFTED_LEAST: usize = 40;

/// Bytes of memory kept for that: what lies beyond is looked through each time.
pub(super) const BUILT_KEPT: usize = 64 << 20;

/// Things looked at in a run: a memory may be full of them.
pub(super) const BUILT_HITS: usize = 4096;

/// Words that may begin something looked at in a pass.
pub(super) const BUILT_WORDS: usize = 1 << 16;

/// Bytes of files searched in a run for such things: a fraction of a second.
pub(super) const BUILT_SOUGHT: usize = 1 << 30;

/// Pieces of a thing in memory that are looked for elsewhere: what was put between others is seen.
pub(super) const BUILT_PIECES: usize = 16;

/// Bytes before a word of a script in which the script may begin.
pub(super) const BUILT_BEFORE: usize = 8 << 10;

/// Bytes of memory from an argument on in which a module may lie: more than most modules.
pub(super) const CARVED_LEN: u64 = 16 << 20;

/// Bytes of a path that a call names: sixteen times what systems take.
pub(super) const PATH_BYTES: u32 = 64 << 10;

/// Bytes at the beginning of contents that are compressed to tell how well they do.
pub(super) const PACKED_HEAD: usize = 1 << 20;

/// Folders in whose new files copies of what the user has are looked for: a search through what he has each.
pub(super) const TOUCHED_FOLDERS: usize = 64;

/// Files that were made in a folder of the user from which on it is filled: no program keeps as many there.
pub(super) const TOUCHED_MADE: usize = 1000;

/// Strings of JavaScript that the host keeps for a sample: nothing is given back.
pub(super) const TEXTS: usize = 1 << 20;

/// Units of 16 bits that these have together, 64 MiB.
pub(super) const TEXTS_UNITS: usize = 32 << 20;

/// Units of such a string: it is read in a few milliseconds.
pub(super) const TEXT_UNITS: usize = 4 << 20;

/// Units of one that is there once, however often it is made.
pub(super) const TEXT_SHARED: usize = 32;

/// Units kept of strings that were put together, 16 MiB: they can be put together again.
pub(super) const TEXT_READ: usize = 8 << 20;
