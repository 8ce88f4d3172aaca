//! Tests of the whole view: each fact on a module made for it, then hostile bytes, then the samples.

use std::path::Path;

use wasmspoor_needs::needs;

use super::*;
use crate::module::{Module, TableIndex};

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn view(text: &str) -> View {
    View::of(&binary(text))
}

fn function(body: &str) -> Function {
    let view = view(&format!("(module (memory 1) (table 2 funcref) (func {body}))"));
    assert_eq!(view.validity, Validity::Valid, "{body}");
    view.functions.into_iter().next().expect("one function")
}

#[test]
fn figures_of_a_function() {
    let if_ = "(if (i32.const 1) (then nop))";
    for (body, blocks, edges, cyclomatic, depth) in [
        ("", 1, 0, 1, 0),
        (if_, 3, 3, 2, 1),
        (&if_.repeat(3), 7, 9, 4, 1),
        ("(if (i32.const 1) (then nop) (else nop))", 4, 4, 2, 1),
        ("(block (block (block (br_table 0 1 2 (i32.const 0))) nop) nop) nop", 4, 5, 3, 3),
        ("(loop $a (loop $b (br_if $b (i32.const 1)) (br_if $a (i32.const 1))))", 4, 5, 3, 2),
        ("call 0 call 0 call 0", 1, 0, 1, 0),
        ("return_call 0", 1, 0, 1, 0),
        ("(if (i32.const 1) (then return_call 0)) unreachable", 3, 2, 2, 1),
    ] {
        let found = function(body);
        assert_eq!(
            (found.blocks, found.edges, found.cyclomatic, found.depth),
            (blocks, edges, cyclomatic, depth),
            "{body}"
        );
        assert_eq!(found.error, None);
    }
    let found = function(
        "(local i32 i64) (local f32) nop nop nop (drop (i32.const 5)) nop return nop (drop (i32.xor (i32.const 1) (i32.const 2)))",
    );
    assert_eq!((found.locals, found.nop_run, found.unreachable), (3, 3, 5));
    assert_eq!(
        (found.classes.total, found.classes.nop, found.classes.xor, found.classes.constant),
        (12, 5, 1, 3)
    );
}

#[test]
fn loops_have_nesting_and_place() {
    let found = function(
        "(loop $a (loop $b (br_if $b (i32.const 1)) (br_if $a (i32.const 1)))) (loop $c (br_if $c (i32.const 1)))",
    );
    let shape: Vec<_> = found.loops.iter().map(|natural| (natural.depth, natural.back_edges)).collect();
    assert_eq!(shape, [(1, 1), (2, 1), (1, 1)]);
    let bytes = binary("(module (func (loop $a (br_if $a (i32.const 1)))))");
    let view = View::of(&bytes);
    assert_eq!(bytes[view.functions[0].loops[0].offset.position()], 0x03);
    assert!(function("(loop nop)").loops.is_empty(), "a `loop` without a way back is no loop");
}

#[test]
fn immediates_are_not_opcodes() {
    // Bytes that WASMShark takes for `br_table`, `unreachable` and `nop`.
    let found = function(&format!(
        "(drop (v128.const i8x16 0x0e 0xff 0xff 0xff 0xff 0x0f 0 0 0x01 0x01 0x01 0x73 0x73 0x11 0x0e 0xff)) {}",
        "(drop (i32.xor (i32.const 0x73737373) (i32.const 1)))".repeat(100)
    ));
    assert_eq!(
        (found.classes.xor, found.classes.nop, found.nop_run, found.classes.indirect_call, found.unreachable),
        (100, 0, 0, 0, 0)
    );
    assert_eq!((found.classes.total, found.classes.simd), (402, 1));
}

#[test]
fn scores_follow_wasmshark_on_right_figures() {
    for (body, score, flags) in [
        ("nop ".repeat(50), 0, &[][..]),
        ("nop ".repeat(51), 20, &["NOP_SLED"]),
        ("(drop (i32.xor (i32.const 1) (i32.const 1)))".repeat(26), 15, &["XOR_HEAVY"]),
        ("(drop (i64.rotl (i64.const 1) (i64.const 1)))".repeat(11), 10, &["ROTATE_HEAVY"]),
        ("(call_indirect (i32.const 0))".into(), 10, &["INDIRECT_CALL"]),
        ("(if (i32.const 1) (then))".repeat(50), 15, &["HIGH_CYCLOMATIC"]),
        ("(drop (i32.const 1))".repeat(4_000), 10, &["LARGE_FUNCTION"]),
        ("nop ".repeat(70_000), 50, &["NOP_SLED", "HUGE_FUNCTION"]),
    ] {
        let found = function(&body);
        assert_eq!(
            (found.score, &found.flags[..]),
            (score, &flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>()[..])
        );
    }
}

#[test]
fn what_a_module_declares() {
    let view = view(
        r#"(module
          (type $t (func (param i32 i64) (result f32)))
          (import "env" "tag" (tag (param i32)))
          (import "env" "exec" (func (type $t)))
          (import "env" "base" (global i32))
          (import "env" "mem" (memory 2 4))
          (import "env" "table" (table 3 10 funcref))
          (global (export "limit") i64 (i64.const -7))
          (global $sum (mut i32) (i32.add (i32.const 1000) (i32.const 24)))
          (global $own i32 (i32.const 2048))
          (data (global.get 0) "*https://evil.example/x\00")
          (data (global.get $own) "at an address\00")
          (data (i32.const -16) "high address\00")
          (data "passive bytes\00")
          (elem (i32.const 1) $f $g)
          (func $f (export "run"))
          (func $g (param $x i32))
          (func $s)
          (start $s)
          (@custom "note" "hidden words\00")
          (@producers (processed-by "clang" "17")))"#,
    );
    assert_eq!(view.validity, Validity::Valid);
    let imports: Vec<_> =
        view.imports.iter().map(|import| (&*import.name, import.kind, &*import.ty, import.func)).collect();
    assert_eq!(
        imports,
        [
            ("tag", ExternKind::Tag, "(param i32)", None),
            ("exec", ExternKind::Function, "(param i32 i64) (result f32)", Some(FuncIndex(0))),
            ("base", ExternKind::Global, "i32", None),
            ("mem", ExternKind::Memory, "2 4", None),
            ("table", ExternKind::Table, "3 10 funcref", None),
        ]
    );
    let globals: Vec<_> = view
        .globals
        .iter()
        .map(|global| (&*global.ty, global.mutable, global.imported, global.value))
        .collect();
    assert_eq!(
        globals,
        [
            ("i32", false, true, None),
            ("i64", false, false, Some(-7)),
            ("i32", true, false, Some(1024)),
            ("i32", false, false, Some(2048))
        ]
    );
    let memory = |segment: &DataSegment| segment.memory.map(|index| index.0);
    let data: Vec<_> =
        view.data.iter().map(|segment| (memory(segment), segment.address, segment.size)).collect();
    assert_eq!(
        data,
        [(Some(0), None, 24), (Some(0), Some(2048), 14), (Some(0), Some(0xffff_fff0), 13), (None, None, 14)]
    );
    assert_eq!((view.elements[0].table, view.elements[0].first), (Some(TableIndex(0)), Some(1)));
    assert_eq!(view.elements[0].functions, [Some(FuncIndex(1)), Some(FuncIndex(2))]);
    assert_eq!(view.start, Some(FuncIndex(3)));
    assert_eq!(
        (view.memories[0].initial, view.memories[0].maximum, view.memories[0].imported),
        (2, Some(4), true)
    );
    assert_eq!((view.tables[0].initial, view.tables[0].maximum), (3, Some(10)));
    assert_eq!(view.producers, [("processed-by".to_owned(), "clang 17".to_owned())]);
    let names: Vec<_> = (0..5).map(|func| view.name_of(FuncIndex(func)).into_owned()).collect();
    assert_eq!(names, ["env.exec", "f", "g", "s", "func 4"]);
    assert_eq!(
        (view.is_imported(FuncIndex(0)), view.is_imported(FuncIndex(1)), view.total_functions()),
        (true, false, 4)
    );
    assert_eq!(view.import_of(FuncIndex(0)).map(|import| &*import.name), Some("exec"));
    assert!(view.import_of(FuncIndex(1)).is_none() && view.function(FuncIndex(0)).is_none());
    assert_eq!(view.function(FuncIndex(2)).map(|function| &*function.ty), Some("(param i32)"));
    let texts: Vec<_> = view.strings.iter().map(|text| (&*text.text, text.address)).collect();
    assert!(texts.contains(&("*https://evil.example/x", None)), "{texts:?}");
    assert!(texts.contains(&("at an address", Some(2048))) && texts.contains(&("hidden words", None)));
    assert!(view.iocs.iter().any(|ioc| ioc.kind == IocKind::Url && ioc.value == "https://evil.example/x"));
    let custom = view.sections.iter().find(|section| section.name == "note").expect("the custom section");
    assert!(custom.is_custom && custom.size == 18);
}

#[test]
fn calls_resolve_through_segments_and_types() {
    let view = view(
        r#"(module
          (type $unary (func (param i32)))
          (type $same (func (param i32)))
          (table $a 10 funcref) (table $b 10 funcref)
          (elem (table $a) (i32.const 0) func $one $two $other)
          (elem (table $b) (i32.const 0) func $three)
          (elem declare func $declared)
          (func $one (param i32)) (func $two (param i32)) (func $three (param i32))
          (func $other (param i64))
          (func $declared (param i32))
          (func (export "main")
            (call_indirect $a (type $unary) (i32.const 1) (i32.const 0))
            (call_indirect $a (type $same) (i32.const 1) (i32.const 0))
            (call_indirect $b (type $unary) (i32.const 1) (i32.const 0))
            (call $deep) (call $deep))
          (func $deep)
          (func $dead (call $deader))
          (func $deader (call $dead)))"#,
    );
    let edges: Vec<_> =
        view.calls.edges.iter().map(|edge| (edge.callee.0, edge.kind, edge.sites)).take(4).collect();
    use StaticCallKind::{Direct, Indirect};
    assert_eq!(edges, [(0, Indirect, 2), (1, Indirect, 2), (2, Indirect, 1), (6, Direct, 2)]);
    assert_eq!(view.calls.dead, [FuncIndex(4), FuncIndex(7), FuncIndex(8)]);
    assert_eq!(*view.functions[5].callees, [FuncIndex(6)]);
}

#[test]
fn what_is_referenced_is_not_dead() {
    let dead = |module: &str| view(&format!("(module {module})")).calls.dead.len();
    for (module, expected) in [
        ("(func)", 1),
        ("(func $f) (start $f)", 0),
        (r#"(func (export "f"))"#, 0),
        ("(func $f) (table funcref (elem $f))", 0),
        ("(func $f) (elem func $f)", 0),
        ("(func $f) (elem funcref (ref.func $f) (ref.null func))", 0),
        ("(func $f) (global funcref (ref.func $f))", 0),
        (r#"(func $f) (elem declare func $f) (func (export "g") (drop (ref.func $f)))"#, 0),
        ("(func $f) (elem declare func $f) (func (drop (ref.func $f)))", 2),
        (r#"(func $f) (func (export "g") (return_call $f))"#, 0),
        ("(func $f (call $f))", 1),
    ] {
        assert_eq!(dead(module), expected, "{module}");
    }
}

/// A function that the program puts into a table while it runs is named, and is no edge.
#[test]
fn segments_and_initial_values_resolve_and_references_do_not() {
    let callees = |module: &str| {
        let view = view(&format!("(module (type $t (func)) {module})"));
        let edges: Vec<_> = view.calls.edges.iter().map(|edge| edge.callee.0).collect();
        (edges, view.calls.referenced.iter().map(|func| func.0).collect::<Vec<_>>())
    };
    for (module, edges, referenced) in [
        (
            r#"(table $t 1 funcref) (elem declare func 0) (func)
               (func (export "m") (table.set $t (i32.const 0) (ref.func 0)) (call_indirect $t (i32.const 0)))"#,
            vec![],
            vec![0],
        ),
        ("(table 1 funcref) (elem func 0) (func) (func (call_indirect (i32.const 0)))", vec![0], vec![]),
        ("(table 1 funcref (ref.func 0)) (func) (func (call_indirect (i32.const 0)))", vec![0], vec![0]),
        (
            "(table 0 funcref) (table $u 1 funcref (ref.func 0)) (func) (func (call_indirect $u (i32.const 0)))",
            vec![0],
            vec![0],
        ),
        (
            "(table 0 funcref) (table 1 funcref (ref.func 0)) (func) (func (call_indirect (i32.const 0)))",
            vec![],
            vec![0],
        ),
        (
            "(table 2 funcref) (elem (i32.const 0) 0 1) (elem func 1) (func) (func (call_indirect (i32.const 0)))",
            vec![0, 1],
            vec![],
        ),
        ("(elem declare func 0) (func) (func (call_ref $t (ref.func 0)))", vec![0], vec![0]),
    ] {
        assert_eq!(callees(module), (edges, referenced), "{module}");
    }
}

/// Many tables over one long passive segment: the lists are shared.
#[test]
fn passive_segments_are_walked_once_for_all_tables() {
    let (tables, items) = (100, 200_000);
    let calls: String = (0..tables).map(|table| format!("(call_indirect {table} (i32.const 0))")).collect();
    let text = format!(
        "(module {} (elem func{}) (func) (func {calls}))",
        "(table 1 funcref)".repeat(tables),
        " 0 1".repeat(items / 2)
    );
    let view = view(&text);
    assert_eq!(
        view.calls.edges.iter().map(|edge| (edge.callee.0, edge.sites)).collect::<Vec<_>>(),
        [(0, 100), (1, 100)]
    );
}

#[test]
fn indirect_edges_are_limited_and_counted() {
    let (functions, callers) = (1_000, 300);
    let elements: String = (0..functions).map(|func| format!(" {func}")).collect();
    let text = format!(
        "(module (table {functions} funcref) (elem (i32.const 0) func{elements}) {} {})",
        "(func)".repeat(functions),
        "(func (call_indirect (i32.const 0)))".repeat(callers)
    );
    let view = view(&text);
    assert_eq!(view.calls.edges.len(), MAX_INDIRECT_EDGES);
    assert_eq!(view.calls.indirect_cut, (functions * callers - MAX_INDIRECT_EDGES) as u64);
    // What is cut is known all the same.
    let (last, first) = (FuncIndex((functions + callers - 1) as u32), FuncIndex(functions as u32));
    assert!(
        view.calls.edges.iter().all(|edge| edge.caller != last)
            && view.calls.has(last, FuncIndex(functions as u32 - 1))
    );
    assert!(!view.calls.has(last, first));
}

#[test]
fn proposals_have_their_first_place() {
    for (module, expected) in [
        ("(func)", &[][..]),
        ("(func (drop (i32.extend8_s (i32.const 1))))", &["sign extension"]),
        ("(func $f return_call $f)", &["tail call"]),
        ("(func (drop (v128.const i64x2 0 0)))", &["simd"]),
        ("(func (result i32 i32) (i32.const 1) (i32.const 2))", &["multi value"]),
        ("(memory 1) (memory 1)", &["multi memory"]),
        ("(memory i64 1)", &["memory64"]),
        (r#"(global (export "g") (mut i32) (i32.const 0))"#, &["mutable global"]),
        ("(memory 1 2 shared)", &["threads"]),
        ("(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))", &["bulk memory"]),
        ("(global i32 (i32.add (i32.const 1) (i32.const 2)))", &["extended const"]),
        ("(table 1 funcref) (table 1 externref)", &["reference types"]),
        // By a section and by an operator, once each.
        ("(memory 1) (data \"a\") (func (data.drop 0))", &["bulk memory"]),
        ("(type (struct)) (func (drop (struct.new 0)))", &["gc"]),
    ] {
        let view = view(&format!("(module {module})"));
        let names: Vec<_> = view.proposals.iter().map(|proposal| &*proposal.name).collect();
        assert_eq!(names, expected, "{module}");
        assert!(
            view.proposals.iter().all(|proposal| proposal.offset >= 8 && proposal.offset < view.file.size)
        );
    }
    let bytes = binary(
        "(module (func nop (drop (i32.extend8_s (i32.const 1))) (drop (i32.extend8_s (i32.const 1)))))",
    );
    assert_eq!(bytes[View::of(&bytes).proposals[0].offset as usize], 0xc0);
}

/// A section with this id.
fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    [&[id, contents.len() as u8], contents].concat()
}

fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
}

fn anomalies(bytes: &[u8]) -> Vec<String> {
    View::of(bytes).anomalies.into_iter().map(|anomaly| anomaly.kind.to_string()).collect()
}

#[test]
fn odd_files_are_told() {
    let types = section(1, &[1, 0x60, 0, 0]);
    let functions = section(3, &[1, 0]);
    let code = section(10, &[1, 2, 0, 0x0b]);
    let memory = section(5, &[1, 0, 1]);
    let note = section(0, b"\x04note and more");
    let mut noise = section(0, b"\x04blob");
    noise[1] = 0x85;
    noise.insert(2, 0x40);
    let mut state = 1u32;
    noise.extend(
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(0x2000),
    );
    let mut padded = types.clone();
    padded.splice(1..2, [0x84, 0x80, 0]);
    for (bytes, expected) in [
        (module(&[types.clone(), functions.clone(), code.clone()]), &[][..]),
        (module(&[types.clone(), types.clone()]), &["duplicate_section"]),
        (module(&[memory.clone(), types.clone()]), &["out_of_order_section"]),
        (module(&[types.clone(), note]), &["unusual_custom_section"]),
        (module(&[noise]), &["high_entropy_section", "unusual_custom_section", "oversized_custom_section"]),
        (module(&[padded]), &["padded_leb"]),
        (module(&[section(1, &[])]), &["empty_section", "malformed_section"]),
        (module(&[section(77, &[1, 2])]), &["unknown_section"]),
        (module(&[types.clone(), vec![5, 40, 1]]), &["truncated_section", "malformed_section"]),
        (module(&[types.clone(), vec![5]]), &["trailing_bytes"]),
        (module(&[types.clone(), functions.clone()]), &["count_mismatch"]),
        (b"\0asm\x02\0\0\0".to_vec(), &["bad_header"]),
        (b"MZ".to_vec(), &["bad_header"]),
    ] {
        assert_eq!(anomalies(&bytes), expected, "{bytes:02x?}");
    }
    assert_eq!(anomalies(&module(&vec![section(77, &[1]); 40])).len(), 17);
}

#[test]
fn a_broken_section_costs_itself_alone() {
    let bytes = module(&[
        section(1, &[2, 0x60, 0, 0, 0xff]),
        section(2, &[1, 1, b'm', 1, b'f', 0, 0]),
        section(3, &[1, 0]),
        section(7, &[1, 3, b'r', b'u', b'n', 0, 1]),
        section(10, &[1, 4, 0, 0x01, 0xff, 0x0b]),
        section(11, &[1, 1, 12, b'h', b't', b't', b'p', b':', b'/', b'/', b'a', b'.', b'b', b'c', b'd']),
    ]);
    let view = View::of(&bytes);
    assert!(matches!(view.validity, Validity::Invalid { offset: 14.., .. }), "{:?}", view.validity);
    assert_eq!((view.imports.len(), view.exports.len(), view.functions.len()), (1, 1, 1));
    assert_eq!(view.functions[0].classes.nop, 1);
    assert!(
        view.functions[0].error.as_deref().is_some_and(|error| error.contains("0x")),
        "{:?}",
        view.functions[0].error
    );
    assert_eq!(view.strings[0].text, "http://a.bcd");
    assert_eq!(view.sections.len(), 6);
}

#[test]
fn what_is_no_valid_module_is_never_valid() {
    for (bytes, reason) in [
        (&b""[..], "empty"),
        (b"\0asm", "unexpected end"),
        (b"MZ\x90\0\x03\0\0\0", "magic header"),
        (b"\0asm\x01\0\0\0\x01\x05", "unexpected"),
    ] {
        let view = View::of(bytes);
        assert!(
            matches!(&view.validity, Validity::Invalid { reason: found, .. } if found.contains(reason)),
            "{:?}",
            view.validity
        );
    }
    let text = "(module (func (export \"f\") (result i32) (i32.add (i32.const 1))))";
    let view = view(text);
    assert!(matches!(view.validity, Validity::Invalid { .. }));
    assert_eq!((view.functions.len(), view.functions[0].classes.total), (1, 2));
}

#[test]
fn of_a_component_the_core_module_is_shown() {
    let view = view(
        r#"(component
          (core module (func))
          (component (core module $m (memory 1) (func $in (export "in") (call $in)) (data (i32.const 0) "inner string of a module"))))"#,
    );
    assert_eq!(view.validity, Validity::Unsupported { proposal: "component model".into(), offset: 4 });
    assert_eq!(view.exports.first().map(|export| &*export.name), Some("in"));
    assert_eq!(view.strings.first().map(|text| &*text.text), Some("inner string of a module"));
    assert!(view.sections.iter().any(|section| section.name == "component"));
    assert!(view.sections.iter().any(|section| section.name == "data"));
}

/// A module with something in every section.
const RICH: &str = r#"(module
  (type $t (func (param i32) (result i32)))
  (import "env" "f" (func $f (type $t))) (import "env" "g" (global $g i32))
  (memory 1) (table 4 funcref)
  (global i64 (i64.const 5))
  (export "m" (func $m)) (start $s)
  (elem (i32.const 0) func $m $s)
  (func $m (type $t) (local i32)
    (block (loop (br_table 0 1 (local.get 0))))
    (if (result i32) (i32.const 1) (then (call $f (i32.const 0x6a09e667))) (else (call_indirect (type $t) (i32.const 0) (i32.const 0)))))
  (func $s (drop (v128.const i64x2 1 2)))
  (data (i32.const 8) "stratum+tcp://pool.example:3333")
  (@custom "extra" "some bytes") (@producers (language "C" "")))"#;

#[test]
fn every_prefix_and_every_changed_byte_gives_a_view() {
    let bytes = binary(RICH);
    assert_eq!(View::of(&bytes).validity, Validity::Valid);
    for len in 0..bytes.len() {
        let view = View::of(&bytes[..len]);
        // The header alone is a module, and so is it with whole sections that need no other.
        assert!(view.validity != Validity::Valid || Module::parse(&bytes[..len]).is_ok(), "{len}");
        serde_json::to_string(&view).expect("serialises");
    }
    for position in 8..bytes.len() {
        for value in [0, 0x7f, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[position] = value;
            let view = View::of(&changed);
            assert_eq!(view.file.size, bytes.len() as u64);
        }
    }
}

#[test]
fn random_bytes_give_a_view() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..300 {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        for id in 0..=13 {
            let len = random() % 60;
            bytes.extend([id, len as u8]);
            bytes.extend(
                (0..len).map(|_| if random() % 3 == 0 { random() as u8 } else { (random() % 4) as u8 }),
            );
        }
        let view = View::of(&bytes);
        assert_eq!(view.file.sha256.len(), 64);
    }
}

#[test]
fn hostile_shapes_stay_small() {
    // Many functions of one long type.
    let params = " i32".repeat(900);
    let text = format!("(module (type $t (func (param{params}))) {})", "(func (type $t))".repeat(5_000));
    let found = view(&text);
    assert!(found.functions.iter().all(|function| function.ty.len() < 200));
    // Deep nesting, and a table of many labels.
    let found = function(&format!("{}{}", "block ".repeat(50_000), "end ".repeat(50_000)));
    assert_eq!((found.depth, found.error), (50_000, None));
    let found = function(&format!("(block (br_table{} (i32.const 0))) nop", " 0 1".repeat(50_000)));
    assert_eq!((found.blocks, found.edges), (3, 3));
    // Strings without end.
    let data = "a.b-c/1:".repeat(100_000);
    let found = view(&format!("(module (memory 20) (data (i32.const 0) \"{data}\"))"));
    assert_eq!(found.strings.len(), 1);
}

#[test]
fn the_same_bytes_give_the_same_view() {
    let bytes = binary(RICH);
    let json = || serde_json::to_string(&View::of(&bytes)).expect("serialises");
    assert_eq!(json(), json());
}

#[needs("../shared/samples")]
#[test]
fn samples_give_views_of_all_their_functions() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    for folder in ["benign", "hostile"] {
        for entry in std::fs::read_dir(samples.join(folder)).expect("a folder of samples") {
            let path = entry.expect("an entry").path();
            let bytes = std::fs::read(&path).expect("readable");
            // The large ones are for the bench: this code is not optimised here.
            if bytes.len() > 300_000 {
                continue;
            }
            let view = View::of(&bytes);
            let Ok(module) = Module::parse(&bytes[..]) else { continue };
            assert_eq!(view.total_functions(), module.functions(), "{}", path.display());
            assert_eq!(view.start, module.start());
            let decoded = module.defined().filter(|func| module.code(*func).is_ok()).count();
            assert_eq!(
                view.functions.iter().filter(|function| function.error.is_none()).count(),
                decoded,
                "{}",
                path.display()
            );
        }
    }
}

/// Reading must not end where a list does: empty custom sections in front would hide all code.
#[test]
fn a_flood_of_custom_sections_hides_nothing() {
    let module =
        wat::parse_str(r#"(module (import "env" "f" (func)) (func $named (export "main") (call 0)))"#)
            .unwrap();
    let mut flooded = module[..8].to_vec();
    flooded.extend([0, 1, 0].repeat(10_000));
    flooded.extend(&module[8..]);
    let (plain, found) = (View::of(&module), View::of(&flooded));
    assert_eq!((found.validity.clone(), found.imports.len(), found.functions.len()), (Validity::Valid, 1, 1));
    assert_eq!((found.exports.len(), found.calls.edges.len(), found.classes), (1, 1, plain.classes));
    assert_eq!(found.functions[0].name.as_deref(), Some("named"));
    let custom = found.sections.iter().filter(|section| section.is_custom).count();
    assert_eq!((custom as u64 + found.sections_cut, found.limitations.len()), (10_001, 1));
    assert!(custom <= 4097 && plain.limitations.is_empty());
}

/// A million functions of one type have its text once.
#[test]
fn functions_share_the_text_of_their_type() {
    let view = view(
        "(module (type $t (func (param i32 i64))) (func (type $t)) (func (type $t)) (func (param f32)) (func (param i64)))",
    );
    let [first, second, third, ..] = &view.functions[..] else { panic!("{:?}", view.functions) };
    assert_eq!((&*first.ty, &*third.ty), ("(param i32 i64)", "(param f32)"));
    assert!(
        std::sync::Arc::ptr_eq(&first.ty, &second.ty)
            && std::sync::Arc::ptr_eq(&first.classes, &third.classes)
    );
}

#[test]
fn names_are_searched_for_indicators() {
    let view = view(
        r#"(module
          (import "env" "https://c2.example.com/gate.php?id=1" (func $f))
          (import "'" "aHR0cHM6Ly9ldmlsLmV4YW1wbGUvYQ==" (global externref))
          (memory 1) (data (i32.const 0) "http://in.example/data")
          (func (export "http://exfil.example.com/up") (call $f)))"#,
    );
    let all: Vec<_> = view.iocs.iter().map(|ioc| (ioc.kind, &*ioc.value, ioc.encoding, ioc.seen)).collect();
    assert_eq!(
        all,
        [
            (IocKind::Url, "https://c2.example.com/gate.php?id=1", TextEncoding::Plain, Seen::ImportName),
            (IocKind::Url, "https://evil.example/a", TextEncoding::Base64, Seen::ImportName),
            (IocKind::Url, "http://exfil.example.com/up", TextEncoding::Plain, Seen::ExportName),
            (IocKind::Url, "http://in.example/data", TextEncoding::Plain, Seen::Data),
        ]
    );
}

#[test]
fn an_indicator_stands_where_its_name_does() {
    let bytes = binary(
        r#"(module (import "https://a.example/1" "https://b.example/2" (func)) (func (export "http://c.example/3")))"#,
    );
    for ioc in View::of(&bytes).iocs {
        assert!(bytes[ioc.offset as usize..].starts_with(ioc.value.as_bytes()), "{ioc:?}");
    }
}

#[test]
fn texts_of_a_run_are_indicators_once() {
    let view = view(r#"(module (memory 1) (data (i32.const 0) "http://known.example/"))"#);
    let texts = ["GET http://known.example/ ", "curl http://new.example/x", "http://new.example/x"];
    let made = super::iocs_of_run(texts.into_iter(), &view.iocs);
    let made: Vec<_> = made.iter().map(|ioc| (&*ioc.value, ioc.seen, ioc.offset)).collect();
    assert_eq!(made, [("http://new.example/x", Seen::Run, 0)]);
}

#[test]
fn damage_in_custom_sections_is_told() {
    for (name, contents, is_damaged) in [
        ("name", &b"\x01\x04\x01\0\x01a"[..], false),
        ("name", b"\x01\x04\x01\0\x01\xff", true),
        ("name", b"\x01\x80", true),
        ("producers", b"\x01\x08language\x01\x01C\x01\x31", false),
        ("producers", b"\x05\x08language", true),
        ("target_features", b"\x02\x2b\x04simd", true),
        ("dylink.0", b"\x01\x04\x01", true),
        ("linking", b"\x02\x08\xff", true),
        ("reloc.CODE", b"\0\x05\x01", true),
        ("metadata.code.branch_hint", b"\x03\0", true),
        ("sourceMappingURL", b"\x05a.map", false),
        ("sourceMappingURL", b"\x5aa.map", true),
        ("external_debug_info", b"\x01\xff", true),
        // Toolchains do not agree on its layout.
        ("build_id", b"\x02a", false),
        ("anything", b"\xff\xff", false),
    ] {
        let custom = [&[name.len() as u8], name.as_bytes(), contents].concat();
        let found = anomalies(&module(&[section(0, &custom)]));
        let is_told = found.iter().any(|kind| kind == "malformed_section");
        assert_eq!(is_told, is_damaged, "{name} {contents:x?}: {found:?}");
    }
}

#[test]
fn an_assembly_is_named_and_that_nobody_looked_inside() {
    let view = view(
        r#"(module (memory 1) (data "\04\00\00\00")
          (data "WbIL\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"))"#,
    );
    let found: Vec<_> = view.iocs.iter().map(|ioc| (ioc.kind, &*ioc.value, ioc.offset)).collect();
    assert_eq!(found, [(IocKind::EmbeddedFile, ".NET assembly (Webcil)", view.data[1].offset)]);
    assert!(
        view.limitations.iter().any(|unread| unread.to_string().contains("nobody looked inside")),
        "{:?}",
        view.limitations
    );
}
