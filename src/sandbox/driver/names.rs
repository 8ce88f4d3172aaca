//! What an export is, by its name.

use std::{collections::HashMap, sync::LazyLock};

use crate::sandbox::glob;

/// What an export is for, as far as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Run before everything else.
    Initialize,
    /// The program.
    Main,
    /// Makes what others work on.
    Create,
    /// Gives it what to work on.
    Set,
    /// Anything else.
    Other,
    /// Undoes what was made.
    Destroy,
    /// Named like the toolchain's or the C library's. A name proves nothing, so these are only called last.
    Runtime,
}

/// What serves a request over HTTP.
pub(super) const SERVES: &str = "wasi:http/incoming-handler@*#handle";

/// Names without leading underscores; the first row that matches counts.
const ROLES: &[(Role, &[&str])] = &[
    (
        Role::Initialize,
        &[
            "initialize",
            "wasm_call_ctors",
            "post_instantiate",
            "GLOBAL__*",
            "wbindgen_start",
            "napi_register__*",
        ],
    ),
    (
        Role::Main,
        &["start", "main", "main_argc_argv", "main_void", "original_main", "wasi:cli/run@*#run", SERVES],
    ),
    (
        Role::Runtime,
        &[
            "dynCall_*",
            "cabi_*",
            "canonical_abi_*",
            "wasi_thread_start",
            "malloc",
            "free",
            "calloc",
            "realloc",
            "memalign",
            "posix_memalign",
            "aligned_alloc",
            "malloc_usable_size",
            "stackAlloc",
            "stackSave",
            "stackRestore",
            "establishStackSpace",
            "setThrew",
            "runPostSets",
            "getTempRet0",
            "setTempRet0",
            "growWasmMemory",
            "set_stack_limits",
            "setAsync",
            "emscripten_*",
            "emnapi_*",
            "napi_*_env_cleanup*",
            "asyncify_*",
            "errno_location",
            "fflush",
            "sbrk",
            "brk",
            "memcpy",
            "memmove",
            "memset",
            "memcmp",
            "memchr",
            "llvm_bswap_*",
            "bitshift64*",
            "i64Add",
            "i64Subtract",
            "muldi3",
            "udivdi3",
            "uremdi3",
            "divdi3",
            "remdi3",
            "udivmoddi4",
            "divmoddi4",
            "new",
            "pin",
            "unpin",
            "collect",
            "retain",
            "release",
            "rtti_base",
            "wbindgen_malloc",
            "wbindgen_realloc",
            "wbindgen_free",
            "wbindgen_add_to_stack_pointer",
            "wbindgen_exn_store",
            "wbg_*_free",
            "wbg_rayon_*",
            "wbindgen_thread_destroy",
            "wasm_call_dtors",
            "wasi_*",
            "libc_*",
            "funcs_on_exit",
            "stdio_*",
            "cxa_*",
            "pthread_*",
            "floatscan",
            "intscan",
            "shlim",
            "shgetc",
            "fwritex",
            "towrite*",
            "toread*",
            "overflow",
            "uflow",
            "lctrans",
            "ofl_*",
            "strerror*",
            "isatty",
            "lseek",
            "writev",
            "close",
            "exit",
            "Exit",
            "abort",
            "printf",
            "puts",
            "putchar",
            "*printf",
            "*scanf",
            "strlen",
            "strcmp",
            "strcpy",
            "strchr",
            "strnlen",
            "wcs*",
            "*wc",
            "*wc_unlocked",
            "mb*towc",
            "mbsinit",
            "wctomb",
            "wcrtomb",
            "btowc",
            "fwide",
            "fputs*",
            "fwrite*",
            "ungetc",
            "rand",
            "srand",
            "time",
            "isxdigit",
            "iswxdigit",
            "iswspace",
            "scalbn",
            "fmod",
            "multi3",
            "ashlti3",
            "ashrti3",
            "lshrti3",
            "ashldi3",
            "lshrdi3",
            "ashrdi3",
            "divti3",
            "modti3",
            "udivti3",
            "umodti3",
            "divsi3",
            "modsi3",
            "udivsi3",
            "umodsi3",
            "moddi3",
            "umoddi3",
            "udivmodsi4",
            "udivmodti4",
            "divmodsi4",
        ],
    ),
    (
        Role::Destroy,
        &[
            "*destroy*",
            "*free*",
            "*delete*",
            "*dispose*",
            "*release*",
            "*close*",
            "*cleanup*",
            "*shutdown*",
            "stop*",
            "quit*",
        ],
    ),
    (
        Role::Create,
        &["*create*", "*init*", "make*", "new_*", "*alloc*", "*setup*", "*open*", "napi_register_*"],
    ),
    (Role::Set, &["set*", "*_set*", "load*", "*config*", "*fromHex*", "*seed*"]),
];

/// The rows by name, and those with stars: a module may export half a million names.
struct Index {
    exact: HashMap<&'static str, usize>,
    globs: Vec<(usize, &'static str)>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let rows = ROLES
        .iter()
        .enumerate()
        .flat_map(|(row, (_, patterns))| patterns.iter().map(move |&pattern| (row, pattern)));
    let (globs, exact): (Vec<_>, Vec<_>) = rows.partition(|(_, pattern)| pattern.contains('*'));
    Index { exact: exact.into_iter().map(|(row, name)| (name, row)).collect(), globs }
});

/// The role of an export.
pub(super) fn role(name: &str) -> Role {
    let bare = name.trim_start_matches('_');
    let index = &*INDEX;
    let exact = index.exact.get(bare).copied().unwrap_or(ROLES.len());
    let glob = index
        .globs
        .iter()
        .take_while(|(row, _)| *row < exact)
        .find(|(_, pattern)| glob::matches(pattern, bare));
    let row = glob.map_or(exact, |&(row, _)| row);
    ROLES.get(row).map_or(Role::Other, |&(role, _)| role)
}

/// Exports that give memory for a number of bytes.
pub(super) const ALLOCATORS: &[&str] =
    &["_malloc", "malloc", "__wbindgen_malloc", "wasm_malloc", "alloc", "allocate"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles() {
        for (name, expected) in [
            ("_start", Role::Main),
            ("wasi:cli/run@0.2.3#run", Role::Main),
            ("cabi_post_run", Role::Runtime),
            ("wasi_thread_start", Role::Runtime),
            ("_main", Role::Main),
            ("__main_argc_argv", Role::Main),
            ("_initialize", Role::Initialize),
            ("___wasm_call_ctors", Role::Initialize),
            ("__GLOBAL__sub_I_miner_cpp", Role::Initialize),
            ("dynCall_viii", Role::Runtime),
            ("__growWasmMemory", Role::Runtime),
            ("_cryptonight_create", Role::Create),
            ("_cryptonight_destroy", Role::Destroy),
            ("_cryptonight_hash_variant_1", Role::Other),
            ("_setJob", Role::Set),
            ("_mLoop", Role::Other),
            ("JeUKBrsNBa", Role::Other),
            ("new", Role::Runtime),
            ("emscripten_step", Role::Runtime),
            ("__napi_register__f_1", Role::Initialize),
            ("napi_register_module_v1", Role::Create),
            ("emnapi_create_env", Role::Runtime),
            ("snprintf", Role::Runtime),
        ] {
            assert_eq!(role(name), expected, "{name}");
        }
    }
}
