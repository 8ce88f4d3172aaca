//! Limits of the driver, each with unit and reason.

/// Exports driven early because their type is that of one that makes an object: each takes its time of the
/// run.
pub(super) const GIVERS: usize = 16;

/// Exports driven with made-up arguments: each takes its time of the run.
pub(super) const DRIVEN: usize = 256;

/// Exports driven whatever the work of those before them was.
pub(super) const DRIVEN_LEAST: usize = 64;

/// Work in decisions or the like after which no more than the least number of exports is driven: a second.
pub(super) const DRIVEN_WORK: u64 = 20_000_000;

/// Bytes of memory looked at after which no more than that are driven: a second.
pub(super) const DRIVEN_BYTES: u64 = 2 << 30;

/// Exports called for a short while each when the others have used up what driving may cost.
pub(super) const SHORT: usize = 1024;

/// Work in decisions or the like of each of them: what builds a page or a command needs less.
pub(super) const SHORT_WORK: u64 = 50_000;

/// Instructions of each of them.
pub(super) const SHORT_INSTRUCTIONS: u64 = 1_000_000;

/// Work of all of them: a fraction of a second.
pub(super) const SHORT_ALL: u64 = 10_000_000;

/// Bytes of memory looked at for all of them: half a second.
pub(super) const SHORT_BYTES: u64 = 1 << 30;

/// Instructions of an export called with made-up arguments that mixes no bits, unless it comes to new code. A
/// loop that never ends must leave time for the others.
pub(super) const PLAIN_INSTRUCTIONS: u64 = 24_000_000;

/// The same for one that may reach such code through the table.
pub(super) const INDIRECT_INSTRUCTIONS: u64 = 80_000_000;

/// Host calls of an entry called with made-up arguments. One that calls in a loop without end fills the log,
/// and leaves no room for what the others call.
pub(super) const MADE_UP_HOST_CALLS: u64 = 20_000;

/// The same for one that mixes bits, which may ask its host something for each hash.
pub(super) const MIXING_HOST_CALLS: u64 = 100_000;

/// How often the budget of what did not come to its end is halved at most.
pub(super) const MOST_HALVED: u32 = 6;

/// Functions called that the sample told its host of: each takes its time of the run.
pub(super) const CALLBACKS: usize = 96;

/// Calls made to find an order of exports in which more of the code runs.
pub(super) const SEARCH_CALLS: usize = 64;

/// Objects of the sample that such a search tries as arguments of one export.
pub(super) const SEARCH_OBJECTS: usize = 4;

/// Blocks that a call must have shown for the search to leave its export alone.
pub(super) const SEARCH_BLOCKS: u64 = 24;

/// Branches of a module from which it is explored: of a smaller one most has run before.
pub(super) const EXPLORED_BRANCHES: u64 = 24;

/// Constants kept of a function that compares something with them: most compare with few.
pub(super) const COMPARED: usize = 16;

/// Calls made to explore a module; half of them in the orders that libraries have.
pub(super) const EXPLORE_CALLS: usize = 1600;

/// Exports that make objects of the lengths that something wants: some calls each.
pub(super) const EXPLORE_MAKERS: usize = 4;

/// Lengths of which such an export makes one: each is a call.
pub(super) const EXPLORE_LENGTHS: usize = 4;

/// Exports called in these orders.
pub(super) const EXPLORE_CANDIDATES: usize = 16;

/// Calls in a row that show no new code after which exploring ends.
pub(super) const EXPLORE_MISSES: usize = 256;

/// The same of a module without branches; each branch adds one: a small one is done sooner.
pub(super) const EXPLORE_LEAST_MISSES: usize = 64;

/// Objects of the sample that such calls are given.
pub(super) const EXPLORE_OBJECTS: usize = 16;

/// Work in decisions or the like of all such calls: a fraction of a second.
pub(super) const EXPLORE_WORK: u64 = 36_000_000;

/// The same of one call: what parses a kilobyte needs less.
pub(super) const EXPLORE_CALL_WORK: u64 = 200_000;

/// The same of one call that mixes bits. It may do so in thousands of instructions without a decision, and
/// was called with a large budget before.
pub(super) const EXPLORE_MIXING_WORK: u64 = 32_000;

/// Instructions of one such call: what parses a kilobyte needs fewer.
pub(super) const EXPLORE_INSTRUCTIONS: u64 = 8_000_000;

/// Instructions of one such call that mixes bits.
pub(super) const EXPLORE_MIXING_INSTRUCTIONS: u64 = 4_000_000;

/// Instructions of all such calls that mix bits: it must not look like mining.
pub(super) const EXPLORE_MIXED: u64 = 20_000_000;

/// Calls that do not come to an end after which one is not made any more.
pub(super) const EXPLORE_STOPS: u64 = 6;

/// Host calls of all such calls: a quarter of those that are logged. A call that makes an eighth of them at
/// once is not made again.
pub(super) const EXPLORE_LOGGED: u64 = 50_000;

/// Host calls of one such call.
pub(super) const EXPLORE_HOST_CALLS: u64 = 2_000;

/// Calls in a row that show nothing and are not undone before the next.
pub(super) const EXPLORE_CHAIN: usize = 3;

/// Plans kept of calls that showed new code: what is near to them is tried.
pub(super) const PLANS_KEPT: usize = 64;

/// Buffers of the sample that are filled before a call.
pub(super) const BUFFERS: usize = 8;

/// Bytes of nothing at an address that an export gave from which it is such a buffer: an object of the sample
/// holds something.
pub(super) const BUFFER_LEAST: usize = 64;

/// Objects kept that calls wrote where they were to write.
pub(super) const WRITTEN_OBJECTS: usize = 8;

/// Words of a sample's data looked at.
pub(super) const WORDS_LOOKED_AT: usize = 4096;

/// Words of them that are inputs: a name that it knows is found by chance.
pub(super) const WORDS_KEPT: usize = 48;

/// What calls wrote and later ones are given.
pub(super) const WRITTEN_INPUTS: usize = 6;

/// Pieces of memory asked of the sample's allocator at a time, to be given away.
pub(super) const PARCELS: usize = 12;

/// Names in a message of what was not called; the others are counted.
pub(super) const LEFT_NAMED: usize = 5;

/// Characters of such a name.
pub(super) const NAME_SHOWN: usize = 60;

/// Functions and calls followed to rank all exports together: a fraction of a second.
pub(super) const RANK_STEPS: usize = 4_000_000;

/// Exports tried as allocators where none has the name of one: two calls each.
pub(super) const ALLOCATORS_TRIED: usize = 8;

/// Bytes of memory looked at in a run to put the instance back after failed calls: some seconds.
pub(super) const RETURN_BYTES: u64 = 24 << 30;

/// Arguments that a `main` is handed: more than anybody names.
pub(super) const MAIN_ARGUMENTS: usize = 256;

/// Calls of all exports that are asked for one number after another: each is an entry of its own.
pub(super) const SPELLED_CALLS: usize = 6144;

/// The same of one export: letters of a page or script, as far as they tell what it is.
pub(super) const SPELLED_EACH: usize = 1024;

/// Calls of one export that it has whatever others use: enough letters to see the beginning of a page.
pub(super) const SPELLED_LEAST: usize = 96;

/// Instructions of one export that it has so.
pub(super) const SPELLED_INSTRUCTIONS_LEAST: u64 = 50_000;

/// Calls that may give nothing before a text begins. After as many, an export that gives the same again and
/// again is left alone.
pub(super) const SPELLED_LATE: usize = 24;

/// Exports that may take the step to what another one gives, and globals in which it may stand.
pub(super) const SPELLED_STEPS: usize = 3;

/// Instructions of all these calls: a fraction of a second, and no work that looks like mining.
pub(super) const SPELLED_INSTRUCTIONS: u64 = 8_000_000;

/// Host calls looked through for those that an export made before it is asked so.
pub(super) const SPELLED_LOGGED: usize = 10_000;

/// Parameters of what is called again and again: a time, an event, a key and what is held with it.
pub(super) const TURN_PARAMS: usize = 4;

/// Calls in a row without a host call after which a series ends: what works at every other frame goes on.
pub(super) const TURN_SILENT: usize = 8;

/// Functions that are called for what they build: a page is built by one or two, and tables of a library by
/// few.
pub(super) const BUILDERS: usize = 8;

/// Loops at most of a function that is called so: one of many does more than to build a text.
pub(super) const FEW_LOOPS: u64 = 4;

/// Instructions of each of them: what builds a page of letters needs fewer.
pub(super) const BUILDER_INSTRUCTIONS: u64 = 1_000_000;

/// Exported globals read for what they spell: as many as a page has letters, packed.
pub(super) const GLOBALS_LOOKED_AT: usize = 1 << 15;

/// Exports and callbacks that are called again and again, as a page does with each frame.
pub(super) const TURN_EXPORTS: usize = 32;

/// Calls in such a series at most: what takes a file piece by piece has taken a good part of one.
pub(super) const TURNS: usize = 640;

/// Calls of all such series: each is an entry of its own.
pub(super) const TURN_CALLS: usize = 2000;

/// Instructions of one series: a fraction of a second.
pub(super) const TURN_INSTRUCTIONS: u64 = 20_000_000;

/// Entry points that wait for ever alone, of which it is told where: those after are alike.
pub(super) const LONE_WAITS: usize = 8;
