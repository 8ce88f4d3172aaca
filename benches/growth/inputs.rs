//! Inputs of doubling size: modules, each large in one way, and a persona of many files.

use std::{fmt::Write as _, fs, path::Path};

/// How large the inputs are.
pub(crate) const SIZES: [usize; 2] = [1000, 2000];

/// Name of an input, and how it is made.
type Input = (&'static str, fn(usize) -> String);

const MODULES: [Input; 17] = [
    ("blocks", blocks),
    ("loops", loops),
    ("nested", nested),
    ("functions", functions),
    ("calls", calls),
    ("edges", edges),
    ("turns", turns),
    ("recursion", recursion),
    ("segments", segments),
    ("tables", tables),
    ("names", names),
    ("constants", constants),
    // Twice as many, since a step on few of them is too little work to tell.
    ("files", |size| files(2 * size)),
    ("host_calls", host_calls),
    ("texts", texts),
    ("mixing", mixing),
    ("lookups", lookups),
];

/// Writes the inputs whose name holds `wanted`.
pub(crate) fn write(folder: &Path, wanted: &str) {
    for (name, make) in MODULES.iter().filter(|(name, _)| name.contains(wanted)) {
        for size in SIZES {
            let wasm = wat::parse_str(make(size)).unwrap_or_else(|error| panic!("{name}: {error}"));
            put(&folder.join(format!("{name}.{size:05}.wasm")), &wasm);
        }
    }
    if "persona".contains(wanted) {
        for size in SIZES {
            put(&folder.join(format!("persona.{size:05}.toml")), persona(size).as_bytes());
        }
    }
}

fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn repeat(size: usize, mut part: impl FnMut(usize) -> String) -> String {
    (0..size).fold(String::new(), |mut all, index| {
        let _ = writeln!(all, "{}", part(index));
        all
    })
}

fn main_of(locals: &str, code: &str, rest: &str) -> String {
    format!("(module {rest} (memory (export \"memory\") 2) (func (export \"_start\") {locals} {code}))")
}

fn blocks(size: usize) -> String {
    let one = |_| "(if (local.get 0) (then (nop)) (else (local.set 0 (i32.const 0))))".to_owned();
    main_of("(local i32)", &repeat(size, one), "")
}

fn loops(size: usize) -> String {
    let one = |_| {
        "(local.set 0 (i32.const 3)) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
            .to_owned()
    };
    main_of("(local i32)", &repeat(size, one), "")
}

fn nested(size: usize) -> String {
    let depth = size / 10;
    let code = format!(
        "{} nop {}",
        "(loop (block ".repeat(depth),
        "(br_if 0 (local.get 0))) (br_if 0 (local.get 0)))".repeat(depth)
    );
    main_of("(local i32)", &code, "")
}

fn functions(size: usize) -> String {
    let rest =
        repeat(size, |index| format!("(func $f{index} (drop (i32.add (i32.const {index}) (i32.const 1))))"));
    main_of("", &repeat(size, |index| format!("(call $f{index})")), &rest)
}

fn calls(size: usize) -> String {
    let functions = repeat(size, |index| format!("(func $f{index} (type $t))"));
    let elements = repeat(size, |index| format!("$f{index}"));
    let rest = format!("(type $t (func)) (table funcref (elem {elements})) {functions}");
    let code = format!(
        "(loop (call_indirect (type $t) (local.get 0))
            (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const {size}))))"
    );
    main_of("(local i32)", &code, &rest)
}

/// Each function calls three others, so that as many edges are run.
fn edges(size: usize) -> String {
    let callee = |index: usize, times: usize| (index * times + 1) % size;
    let functions = repeat(size, |index| {
        let [a, b, c] = [1, 3, 7].map(|times| callee(index, times));
        format!("(func $leaf{index}) (func $f{index} (call $leaf{a}) (call $leaf{b}) (call $leaf{c}))")
    });
    main_of("", &repeat(size, |index| format!("(call $f{index})")), &functions)
}

/// Twenty rounds for each unit, with a branch that goes either way: more is executed, and nothing is larger.
fn turns(size: usize) -> String {
    let rounds = 20 * size;
    let code = format!(
        "(local.set 1 (i32.const 12345))
        (loop
            (local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 1103515245)) (i32.const 12345)))
            (if (i32.and (local.get 1) (i32.const 0x10000)) (then (nop)) (else (drop (i32.const 1))))
            (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const {rounds}))))"
    );
    main_of("(local i32 i32)", &code, "")
}

/// Calls itself from two places, as deep as it is large.
fn recursion(size: usize) -> String {
    let rest = "(func $r (param i32)
        (if (local.get 0) (then
            (if (i32.and (local.get 0) (i32.const 1))
                (then (call $r (i32.sub (local.get 0) (i32.const 1))))
                (else (call $r (i32.sub (local.get 0) (i32.const 1))))))))";
    main_of("", &format!("(call $r (i32.const {}))", size / 2), rest)
}

/// Data, elements and globals, each a line of its own.
fn segments(size: usize) -> String {
    let rest = repeat(size, |index| {
        format!(
            "(data (i32.const {index}) \"s{index}\") (elem (i32.const {index}) func $f)
            (global (mut i32) (i32.const {index}))"
        )
    });
    main_of("", "(nop)", &format!("(table {size} funcref) (func $f) {rest}"))
}

fn tables(size: usize) -> String {
    let labels = repeat(size, |index| (index % 2).to_string());
    let one = format!("(block (block (br_table {labels} (local.get 0))))");
    let code = format!(
        "(loop {one}
            (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const {size}))))"
    );
    main_of("(local i32)", &code, "")
}

fn names(size: usize) -> String {
    let imports = repeat(size, |index| format!("(import \"env\" \"name_of_{index}\" (func))"));
    let exports = repeat(size, |index| format!("(export \"give_{index}\" (func $f))"));
    format!("(module {imports} (func $f) {exports} (func (export \"_start\") (call 0)))")
}

/// The constants of ChaCha in dead code, behind many blocks.
fn constants(size: usize) -> String {
    let words = ["0x61707865", "0x3320646e", "0x79622d32", "0x6b206574"];
    let dead = repeat(size, |index| format!("(drop (i32.const {}))", words[index % 4]));
    let blocks = repeat(size, |_| "(br_if 0 (i32.const 0))".to_owned());
    main_of("", &format!("(block {blocks}) (return) {dead}"), "")
}

fn files(size: usize) -> String {
    let rest = r#"(import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))"#;
    let code = format!(
        "(loop
            (i32.store (i32.const 100) (i32.add (i32.const 0x61616161) (local.get 0)))
            (i32.store (i32.const 104) (i32.const 0x74787462))
            (i32.store8 (i32.const 102)
                (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get 0) (i32.const 4)) (i32.const 15))))
            (i32.store8 (i32.const 101)
                (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get 0) (i32.const 8)) (i32.const 15))))
            (i32.store8 (i32.const 100) (i32.add (i32.const 97) (i32.and (local.get 0) (i32.const 15))))
            (drop (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 8) (i32.const 9)
                (i64.const 0x42) (i64.const 0) (i32.const 0) (i32.const 8)))
            (drop (call $close (i32.load (i32.const 8))))
            (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const {size}))))"
    );
    main_of("(local i32)", &code, rest)
}

fn host_calls(size: usize) -> String {
    let code = format!(
        "(loop (call $f (local.get 0))
            (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const {size}))))"
    );
    main_of("(local i32)", &code, "(import \"env\" \"f\" (func $f (param i32)))")
}

fn texts(size: usize) -> String {
    let text = repeat(size, |index| {
        format!("https://host{index}.example/a curl a wget 10.1.{}.{}:80\\00", index / 250, index % 250)
    });
    main_of("", "(nop)", &format!("(data \"{}\")", text.replace('\n', "")))
}

/// One caller of functions that mix bits, none of which runs.
fn mixing(size: usize) -> String {
    let one = "(local.set 0 (i32.rotl (i32.xor (local.get 0) (i32.const 3)) (i32.const 5)))".repeat(25);
    let rest = repeat(size / 10, |index| format!("(func $f{index} (local i32) {one})"));
    let calls = repeat(size / 10, |index| format!("(call $f{index})"));
    let fill = repeat(size * 100, |_| "nop".to_owned());
    main_of("(local i32)", &format!("(if (local.get 0) (then {calls})) {fill}"), &rest)
}

/// As many tables that are looked up as segments, in code that mixes bits and does not run.
fn lookups(size: usize) -> String {
    let mixes = "(local.set 0 (i32.rotl (i32.xor (local.get 0) (i32.const 3)) (i32.const 5)))".repeat(60);
    let looks = repeat(size, |index| format!("(drop (i32.load offset={} (i32.const 0)))", 64 + 4 * index));
    let segments = repeat(size, |index| format!("(data (i32.const {}) \"s\")", 1024 + index % 7));
    let rest = format!("(func $f (local i32) {mixes} {looks}) {segments}");
    main_of("(local i32)", "(if (local.get 0) (then (call $f)))", &rest)
}

fn persona(size: usize) -> String {
    let files = repeat(size, |index| {
        format!("[[file]]\npath = \"/home/u/{index}.txt\"\ntext = \"the secret number {index} is in here\"")
    });
    let tokens = repeat(size / 10, |index| {
        format!("[[honeytoken]]\nname = \"{index}\"\ntext = \"secret number {index} is\"")
    });
    format!("description = \"many\"\n{files}{tokens}")
}
