//! The table of metrics.

use super::{Metric, Unit, code, host, run};

/// Makes a [`Metric`] of each row: name, unit, levels, the function that computes it, how it is computed.
macro_rules! metrics {
    ($($name:ident, $unit:ident, $levels:literal, $compute:path: $description:literal;)*) => {
        &[$(Metric {
            name: stringify!($name),
            unit: Unit::$unit,
            description: $description,
            levels: $levels,
            compute: $compute,
        }),*]
    };
}

/// All metrics.
pub static METRICS: &[Metric] = metrics! {
    // Code, as it stands.
    file_size, Bytes, "B", code::file_size: "size of the module";
    file_entropy, BitsPerByte, "B", code::file_entropy: "Shannon entropy of the whole file";
    functions, Count, "B", code::functions: "defined functions";
    imports, Count, "B", code::imports: "imports of all kinds";
    exports, Count, "B", code::exports: "exports of all kinds";
    code_size, Bytes, "Bb", code::code_size: "bytes of function bodies";
    data_size, Bytes, "B", code::data_size: "bytes of data segments";
    data_share, Share, "B", code::data_share: "bytes of data segments, of the file";
    data_entropy_max, BitsPerByte, "B", code::data_entropy_max:
        "greatest entropy of a data segment of at least 256 bytes";
    dense_data_size, Bytes, "B", code::dense_data_size:
        "bytes of data segments of at least 256 bytes with an entropy of 7.2 or more";
    dense_custom_size, Bytes, "B", code::dense_custom_size:
        "bytes of custom sections of at least 256 bytes with an entropy of 7.2 or more";
    embedded_modules, Count, "B", code::embedded_modules:
        "other modules in the file, with at least two sections; a component's own are none";
    memory_pages, Pages, "B", code::memory_pages: "initial size of all memories";
    dead_functions, Count, "B", code::dead_functions: "functions that nothing can call";
    dead_share, Share, "B", code::dead_share: "functions that nothing can call, of the defined ones";
    unreachable_instructions, Count, "Bb", code::unreachable: "instructions that no path reaches";
    static_instructions, Count, "Bb", code::instructions: "instructions in the code";
    static_xor, Count, "Bb", code::xor: "xor instructions in the code";
    static_xor_share, Share, "Bb", code::xor_share: "xor instructions, of those in the code";
    static_bit_share, Share, "Bb", code::bit_share:
        "xor, rotations, shifts, and, or; of the instructions in the code";
    static_indirect_calls, Count, "Bb", code::indirect_calls: "indirect calls in the code";
    static_indirect_share, Share, "Bb", code::indirect_share:
        "indirect calls, of the instructions in the code";
    static_tail_calls, Count, "Bb", code::tail_calls: "tail calls in the code";
    nop_run_max, Count, "Bb", code::nop_run_max: "longest run of nop";
    static_nop_share, Share, "Bb", code::nop_share: "nop, of the instructions in the code";
    static_mining_windows, Count, "Bb", code::mining_windows:
        "MineThrottle windows (coinhive, cryptoloot, unknown1) in the code";
    static_mining_window_share, Share, "b", code::mining_window_share:
        "MineThrottle windows in the code, for each of its instructions";
    static_hash_windows, Count, "Bb", code::hash_windows: "windows of all signatures in the code";
    cyclomatic, Count, "Bb", code::cyclomatic:
        "cyclomatic complexity; of a file the greatest of its functions";
    loop_depth, Count, "Bb", code::loop_depth: "deepest nesting of loops";
    static_loops, Count, "Bb", code::loops: "natural loops";
    crypto_algorithms, Count, "B", code::crypto_algorithms: "algorithms with a constant in code or data";
    crypto_hashes, Count, "B", code::crypto_hashes:
        "hash and mining algorithms with a constant in code or data";
    // Code, as it ran.
    instructions, Count, "REFL", run::instructions: "executed instructions";
    share, Share, "EFL", run::own_share: "executed instructions, of the run's; callees left out";
    xor, Count, "REFL", run::xor: "executed xor";
    xor_share, Share, "REFL", run::xor_share: "executed xor, of the executed instructions";
    rotate_share, Share, "REFL", run::rotate_share: "executed rotations";
    shift_share, Share, "REFL", run::shift_share: "executed shifts";
    logic_share, Share, "REFL", run::logic_share: "executed and, or, not";
    arithmetic_share, Share, "REFL", run::arithmetic_share: "executed arithmetic other than these";
    bit_share, Share, "REFL", run::bit_share: "executed xor, rotations, shifts, and, or";
    simd_share, Share, "REFL", run::simd_share: "executed vector instructions";
    load_share, Share, "REFL", run::load_share: "executed reads of memory";
    store_share, Share, "REFL", run::store_share: "executed writes of memory";
    nops, Count, "REFL", run::nops: "executed nop";
    nop_share, Share, "REFL", run::nop_share: "executed nop, of the executed instructions";
    mining_windows, Count, "RFL", run::mining_windows:
        "MineThrottle windows (coinhive, cryptoloot, unknown1) executed";
    mining_window_share, Share, "RFL", run::mining_window_share:
        "MineThrottle windows executed, for each executed instruction";
    coinhive_windows, Count, "RFL", run::coinhive_windows: "windows of the signature coinhive executed";
    cryptoloot_windows, Count, "RFL", run::cryptoloot_windows:
        "windows of the signature cryptoloot executed";
    arx_window_share, Share, "RFL", run::arx_window_share:
        "windows of add-rotate-xor (arx32, arx64) executed, for each executed instruction";
    sha2_window_share, Share, "RFL", run::sha2_window_share:
        "windows of SHA-2 (sha2_32, sha2_64) executed, for each executed instruction";
    keccak_window_share, Share, "RFL", run::keccak_window_share:
        "windows of Keccak executed, for each executed instruction";
    hash_window_share, Share, "RFL", run::hash_window_share:
        "windows of all signatures executed, for each executed instruction";
    seismic_add, Share, "R", run::seismic_add:
        "i32.add, of SEISMIC's five opcodes executed (i32 add, and, shl, shr_u, xor)";
    seismic_and, Share, "R", run::seismic_and: "i32.and, of SEISMIC's five opcodes executed";
    seismic_shl, Share, "R", run::seismic_shl: "i32.shl, of SEISMIC's five opcodes executed";
    seismic_shr, Share, "R", run::seismic_shr: "i32.shr_u, of SEISMIC's five opcodes executed";
    seismic_xor, Share, "R", run::seismic_xor: "i32.xor, of SEISMIC's five opcodes executed";
    seismic_share, Share, "R", run::seismic_share: "SEISMIC's five opcodes, of the executed instructions";
    hot_loop_share, Share, "RF", run::hot_loop_share:
        "greatest share of the run's instructions in one loop";
    quiet_loop_share, Share, "R", run::quiet_loop_share:
        "greatest share of the run's instructions in one loop during which no host call was made";
    top_function_share, Share, "R", run::top_function_share:
        "greatest share of the run's instructions in one function";
    loop_iterations_max, Count, "RF", run::loop_iterations_max: "most iterations of one loop";
    iterations, Count, "L", run::iterations: "iterations";
    entries, Count, "L", run::entries: "how often it was entered";
    iterations_per_entry, Count, "L", run::iterations_per_entry: "iterations for each time it was entered";
    instructions_per_iteration, Count, "L", run::instructions_per_iteration:
        "executed instructions for each iteration";
    xor_per_iteration, Count, "L", run::xor_per_iteration: "executed xor for each iteration";
    host_calls_per_iteration, Count, "L", run::host_calls_per_iteration:
        "host calls for each iteration, callees' too";
    loads_per_iteration, Count, "L", run::loads_per_iteration: "reads of memory for each iteration";
    stores_per_iteration, Count, "L", run::stores_per_iteration: "writes of memory for each iteration";
    depth, Count, "L", run::depth: "nesting of the loop in its function, 1 is outermost";
    stopped_in, Flag, "L", run::stopped_in: "whether the run was stopped in it";
    stopped_in_loop, Count, "R", run::stopped_in_loop:
        "entry points that were stopped in a loop without having made a host call lately";
    calls, Count, "REF", run::calls: "calls of defined functions; of a function, how often it was entered";
    indirect_calls, Count, "REFL", run::indirect_calls: "executed indirect calls";
    indirect_share, Share, "REFL", run::indirect_share:
        "executed indirect calls, of the executed instructions";
    indirect_targets, Count, "R", run::indirect_targets: "functions that were called through a table";
    tail_calls, Count, "REF", run::tail_calls: "executed tail calls";
    table_branches, Count, "REF", run::table_branches: "executed br_table";
    one_way_branches, Count, "RF", run::one_way_branches:
        "conditional branches that ran at least 16 times and always went the same way";
    grows, Count, "RE", run::grows: "executed memory.grow";
    grown_pages, Pages, "RE", run::grown_pages: "pages that memory grew by";
    grow_refused, Count, "RE", run::grow_refused: "memory.grow that was refused";
    coverage, Share, "RF", run::coverage:
        "instructions that ran at least once, of those in the code; of a function, its blocks";
    hidden_calls, Count, "R", run::hidden_calls:
        "calls that the static call graph lacks: no direct call and no element segment explains them";
    start_ran, Flag, "R", run::start_ran: "whether the start function ran";
    start_instructions, Count, "R", run::start_instructions:
        "instructions that the start function executed";
    executed_crypto_algorithms, Count, "R", run::executed_crypto:
        "algorithms with a constant among the executed instructions";
    // What it asked of the host.
    host_calls, Count, "REFL", host::host_calls: "host calls; of a loop, those made while it ran";
    host_calls_per_million, Count, "RE", host::host_calls_per_million:
        "host calls for each million executed instructions";
    host_functions, Count, "RE", host::host_functions: "imported functions that were called";
    fabricated_share, Share, "R", host::fabricated_share: "host calls whose answer was made up";
    clock_reads, Count, "R", host::clock_reads: "host calls that read a clock";
    random_reads, Count, "R", host::random_reads: "host calls that asked for random bytes";
    sleeps, Count, "R", host::sleeps: "host calls that slept";
    slept_seconds, Seconds, "R", host::slept_seconds: "virtual time slept";
    written_bytes, Bytes, "R", host::written_bytes: "bytes written to files";
    written_bytes_entropy, BitsPerByte, "R", host::written_entropy:
        "mean entropy of what was written to files, weighted by length; pieces below 64 bytes left out";
    files_created, Count, "R", host::files_created: "files that were created";
    files_changed, Count, "R", host::files_changed: "files whose contents changed";
    files_deleted, Count, "R", host::files_deleted: "files that were there before the run and were deleted";
    files_renamed, Count, "R", host::files_renamed: "files that were renamed";
    files_entropy_rise, Count, "R", host::files_entropy_rise:
        "files whose entropy rose by at least 1 bit per byte to 85 % or more of what their size allows, and \
         that no argument named";
    files_dense_created, Count, "R", host::files_dense_created:
        "created files of at least 64 bytes whose entropy is 85 % or more of what their size allows, and \
         that do not begin as a compressed format does";
    files_emptied, Count, "R", host::files_emptied:
        "files with something in them that were there before the run, that no argument named, and that are \
         empty after it";
    files_destroyed, Count, "R", host::files_destroyed:
        "the user's files that were overwritten or replaced, and of which less than 40 % survives \
         anywhere, or nothing that can be read";
    files_blanked, Count, "R", host::files_blanked:
        "such files that were cut to a quarter or less, or filled with one byte";
    files_lost, Count, "R", host::files_lost:
        "the same, deleted ones too";
    files_falsified, Count, "R", host::files_falsified:
        "texts of the user in which figures were put in the place of others, while words and lines stayed";
    files_wiped, Count, "R", host::files_wiped:
        "files that were there before the run, that no argument named, got other contents, and were deleted \
         then";
    system_files_changed, Count, "R", host::system_files_changed:
        "files below /etc, /usr, /bin, /sbin, /lib, /boot or /opt that were there before the run and were \
         changed, renamed or deleted, and that no argument named";
    files_rewritten_renamed, Count, "R", host::files_rewritten_renamed:
        "files that were there before the run, got other contents, and were renamed";
    honeytokens_read, Count, "R", host::honeytokens_read:
        "honeytokens of the persona whose bytes were handed out";
    honeytokens_sent, Count, "R", host::honeytokens_sent:
        "honeytokens whose bytes went to a socket or to a host function that is not of WASI, plain, in \
         hexadecimal digits or in base64";
    carved_modules, Count, "R", host::carved_modules: "modules that were built in memory, and stand in no file that an argument names";
    decoded_texts, Count, "R", host::decoded_texts:
        "texts given to host calls that stand in the file only encoded by one byte";
    new_texts, Count, "R", host::new_texts:
        "texts of at least 6 bytes given to host calls that do not stand in the file";
    new_addresses, Count, "R", host::new_addresses:
        "those of new_texts that look like a URL, an address with a port, or a path";
    returned_reads, Count, "R", host::returned_reads:
        "calls that sent away what an earlier call had read from a file that no argument names";
    unasked_acts, Count, "R", host::unasked_acts:
        "calls that opened or took away files or started programs, from the first on that no argument asks for";
};
