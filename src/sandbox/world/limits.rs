//! What bounds other worlds, each with unit and reason.

/// Rounds of a main loop that are run: what a page does, it does in the first ones.
pub(super) const LOOP_ROUNDS: u32 = 16;

/// Resources of WASI 0.2 that have numbers of their own: each takes a few words.
pub(super) const RESOURCES: usize = 1 << 16;

/// Requests over HTTP that a sample makes: each keeps its URL.
pub(super) const REQUESTS: usize = 4096;

/// Bytes of a list that a call of WASI 0.2 gives: the module asks again for more.
pub(super) const LIST_BYTES: u64 = 1 << 20;

/// Resources of WASI 0.2 that one call waits for: each takes a step.
pub(super) const POLLABLES: u64 = 4096;

/// Host calls looked at for what they tell of: a sample tells of it when it begins.
pub(super) const LOOKED_AT: u64 = 50_000;

/// Functions kept that a sample tells its host of: more than can be called.
pub(super) const REGISTERED: usize = 4096;

/// Types kept that it tells of.
pub(super) const REGISTERED_TYPES: usize = 4096;

/// Views of memory kept that it hands over between two calls.
pub(super) const VIEWS: usize = 8;

/// Places of imports at which callbacks are looked for: more than large programs have.
pub(super) const HANDED: usize = 1024;

/// Callbacks kept of each such place: more than can be called.
pub(super) const HANDED_EACH: usize = 32;

/// Properties of an object of Node-API read in one call, and arguments given: more than a class has.
pub(super) const NAPI_PROPERTIES: u32 = 256;

/// Bytes of a buffer of Node-API given to a sample that asks for more: enough for what it makes of a short
/// text.
pub(super) const NAPI_BUFFER: u64 = 1 << 20;

/// Most that memory may grow to, as glue code of the time had it.
pub(super) const HEAP_MAX: u64 = 2 << 30;

/// Operators looked at to tell what imports are used for: a fraction of a second.
pub(super) const USAGE_OPERATORS: usize = 20_000_000;

/// Locals of a function followed for that: toolchains keep hot values in the first ones.
pub(super) const USAGE_LOCALS: usize = 1024;

/// Operands followed for that at a time: more than code of a toolchain has.
pub(super) const USAGE_OPERANDS: usize = 1024;

/// Constant addresses kept for that in each function, of those that stand at themselves and of those that are
/// given to the host. The structure of the main thread is among the first.
pub(super) const USAGE_STRUCTURES: usize = 64;

/// Exports looked at for that: where names were minified there are some dozens.
pub(super) const USAGE_EXPORTS: usize = 4096;

/// Globals that a function is known to read for that: more than one of a toolchain has to do with threads.
pub(super) const USAGE_GLOBALS: usize = 64;

/// Places counted for that at which a sample may want to be told of what was thrown: it has one.
pub(super) const USAGE_FLAGS: usize = 64;

/// Functions kept for that which may set it: few have such a shape.
pub(super) const USAGE_SETTERS: usize = 256;

/// Bytes that a closure may hold: more is no closure, but a number that looks like the address of its
/// methods.
pub(super) const MOST_CAPTURED: u32 = 64 << 10;

/// Bytes that one system call reads or writes; a program asks again for more.
pub(super) const SYSCALL_BYTES: u32 = 16 << 20;

/// Random bytes that one call gets: browsers give 64 KiB.
pub(super) const RANDOM_BYTES: u32 = 1 << 20;

/// Bytes that one call of a Go program writes: its runtime buffers less.
pub(super) const GO_WRITE: u32 = 1 << 20;

/// Bytes of an exception that the sample's own allocator gives: objects that are thrown are small.
pub(super) const EXCEPTION_BYTES: u64 = 64 << 10;

/// Bytes of a message to a contract that are copied at a time: its format has less.
pub(super) const CALL_DATA: u32 = 64 << 10;

/// Bytes that a stream of WASI 0.2 takes at a time; the module asks again.
pub(super) const STREAM_ROOM: u64 = 64 << 10;

/// Bytes of an entry in a listing by Emscripten's kernel, which has them all alike.
pub(super) const KERNEL_ENTRY: usize = 280;

/// Bytes of such a listing that one call gives: the program asks again for more.
pub(super) const LISTED_BYTES: u32 = 1 << 20;
