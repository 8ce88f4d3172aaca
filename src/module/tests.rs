use std::{path::PathBuf, time::Instant};

use wasmspoor_needs::needs;

use super::*;

fn module(text: &str) -> Module {
    Module::parse(wat::parse_str(text).expect("well formed")).expect("parses")
}

/// The blocks of function 0 in short: mnemonics, then the exit.
fn blocks(body: &str) -> Vec<String> {
    let module = module(&format!(
        "(module (type $f (func)) (tag) (type $u (func (param i32))) (type (cont 0)) (func (type $f) {body}))"
    ));
    let code = module.code(FuncIndex(0)).expect("decodes");
    let text = |block: &Block| {
        let ops =
            code.ops()[block.range()].iter().map(|op| op.opcode.mnemonic()).collect::<Vec<_>>().join(" ");
        let exit = match block.exit {
            Exit::Skip(to) => format!("skip {to}"),
            Exit::Br(to) => format!("br {to}"),
            Exit::BrLoop(to) => format!("loop {to}"),
            Exit::BrIf(to) => format!("br_if {to}"),
            Exit::If(to) => format!("if {to}"),
            Exit::BrOn(to) => format!("br_on {to}"),
            Exit::Catch(pad) | Exit::Switch(pad) => {
                let name = if block.exit == Exit::Catch(pad) { "catch" } else { "switch" };
                format!("{name} {:?}", code.pads(pad).iter().map(|to| to.0).collect::<Vec<_>>())
            }
            Exit::BrTable(table) => {
                format!(
                    "table {:?}",
                    code.labels(&code.tables()[table as usize]).iter().map(|to| to.0).collect::<Vec<_>>()
                )
            }
            other => format!("{other:?}").to_lowercase(),
        };
        format!("{ops} -> {exit}")
    };
    let pad = |index| match code.landing_pad(BlockIndex(index)) {
        Some(pad) => format!(" throw {pad}"),
        None => String::new(),
    };
    (0..).zip(code.blocks()).map(|(index, block)| text(block) + &pad(index)).collect()
}

/// The way out of each landing pad of function 0 for each tag, as block and what it takes.
fn ways(text: &str) -> Vec<Vec<Option<(u32, Takes)>>> {
    let module = module(text);
    let code = module.code(FuncIndex(0)).expect("decodes");
    let pads = code.blocks().iter().filter_map(|block| match block.exit {
        Exit::Catch(pad) => Some(pad),
        _ => None,
    });
    let way = |pad, tag| code.way(module.tags(), pad, tag).map(|(to, takes)| (to.0, takes));
    pads.map(|pad| (0..module.tags().len()).map(|tag| way(pad, tag)).collect()).collect()
}

#[test]
fn the_first_way_that_fits_is_taken() {
    let (one, all, rest) = (|tag, to| Some((to, Takes::Tag(tag))), |to| Some((to, Takes::All)), Takes::Rest);
    // The first two tags are one. A switch has ways too, and none of them takes an exception.
    let text = r#"(module (type $f (func)) (type $c (cont $f))
        (tag (import "a" "b")) (tag (import "a" "b")) (tag) (tag) (tag)
        (func (param (ref null $c))
            (block $x (block $y (block $z
                (block (result (ref null $c)) (resume $c (on 2 0) (local.get 0)) (return)) (drop)
                (try_table (catch_all $x)
                    (try_table (catch 4 $z) (catch 1 $y) (catch 0 $x) (catch 2 $x) (catch 4 $x)
                        (throw 0)))) nop) nop) nop))"#;
    let ways = ways(text);
    let [inner, outer] = &ways[..] else { panic!("{ways:?}") };
    let to = |way: &Option<(u32, Takes)>| way.expect("one").0;
    let (z, y, x) = (to(&inner[3]), to(&inner[0]), to(&inner[1]));
    assert!(z < y && y < x, "{ways:?}");
    let around = inner[2].expect("it goes on");
    assert_eq!(inner[..], [one(1, y), one(2, x), Some((around.0, rest)), one(4, z)]);
    assert_eq!(outer[..], [all(x); 4]);
}

#[test]
fn exceptions_go_over_landing_pads() {
    for (body, expected) in [
        // A body that throws nothing has no landing pad, and its handlers are dead.
        ("try nop catch_all nop end nop", &["try nop -> skip 1", "nop -> end"][..]),
        ("block try_table (catch_all 0) nop end end nop", &["block try_table nop nop -> end"]),
        (
            "try call 0 catch 0 nop catch_all drop end nop",
            &[
                "try call -> call(funcindex(0)) throw 2",
                " -> skip 5",
                " -> catch [3, 4]",
                "catch nop -> skip 5",
                "catch_all drop -> next",
                "nop -> end",
            ],
        ),
        // Without a handler of everything, on to what is around.
        (
            "try try throw 0 catch 0 rethrow 0 end catch_all end",
            &[
                "try try throw -> throw throw 1",
                " -> catch [2, 3]",
                "catch rethrow -> throw throw 3",
                " -> catch [4]",
                "catch_all -> end",
            ],
        ),
        (
            "try call 0 end nop",
            &["try call -> call(funcindex(0)) throw 2", " -> skip 3", " -> catch []", "nop -> end"],
        ),
        // A delegate passes the handlers between by.
        (
            "try try try throw 0 delegate 1 catch_all drop end catch_all end nop",
            &[
                "try try try throw -> throw throw 1",
                "delegate -> catch [2]",
                " -> catch [3]",
                "catch_all nop -> end",
            ],
        ),
        // To the function, or to a handler (whose scope is what is around).
        ("try throw 0 delegate 0", &["try throw -> throw throw 1", "delegate -> catch []"]),
        (
            "try throw 0 catch_all try throw 0 delegate 0 end",
            &[
                "try throw -> throw throw 1",
                " -> catch [2]",
                "catch_all try throw -> throw throw 3",
                "delegate -> catch []",
            ],
        ),
        // Labels count from around the `try_table`; it can lead back.
        (
            "block loop try_table (catch 0 0) (catch_all 1) call 0 end end nop end drop",
            &[
                "block -> next",
                "loop try_table call -> call(funcindex(0)) throw 3",
                " -> skip 4",
                " -> catch [1, 5]",
                "nop -> next",
                "drop -> end",
            ],
        ),
        // Handlers behind a clause for everything get nothing; a tail call is out of the function.
        (
            "block try_table (catch_all 0) (catch 0 1) throw 0 end return_call 0 end nop",
            &["block try_table throw -> throw throw 1", " -> catch [2]", "nop -> end"],
        ),
        ("try return_call 0 catch_all nop end", &["try return_call -> returncall(funcindex(0))"]),
        ("call_ref 0 nop", &["call_ref -> callref", "nop -> end"]),
        ("return_call_ref 0 nop", &["return_call_ref -> returncallref"]),
        (
            "block br_on_null 0 br_on_cast 0 anyref structref end nop",
            &["block br_on_null -> br_on 2", "br_on_cast -> br_on 2", "nop -> end"],
        ),
        (
            "block resume 2 (on 0 0) nop end suspend 0",
            &["block resume -> switch [2]", "nop -> next", "suspend -> switch []", " -> end"],
        ),
    ] {
        assert_eq!(blocks(body), expected, "{body}");
    }
}

#[test]
fn bodies_become_blocks() {
    for (body, expected) in [
        ("", &[" -> end"][..]),
        ("nop nop", &["nop nop -> end"]),
        ("return nop", &["return -> return"]),
        ("nop unreachable", &["nop unreachable -> unreachable"]),
        ("nop loop nop end nop", &["nop -> next", "loop nop nop -> end"]),
        ("loop br 0 end nop", &["loop br -> loop 0"]),
        ("loop br 1 end nop", &["loop br -> br 1", " -> end"]),
        ("block br 0 nop end nop", &["block br -> br 1", "nop -> end"]),
        ("block end nop", &["block nop -> end"]),
        ("i32.const 1 if nop end", &["i32.const if -> if 2", "nop -> next", " -> end"]),
        (
            "i32.const 1 if nop else drop end",
            &["i32.const if -> if 2", "nop -> skip 3", "drop -> next", " -> end"],
        ),
        (
            "i32.const 1 if return else nop end nop",
            &["i32.const if -> if 2", "return -> return", "nop nop -> end"],
        ),
        ("i32.const 1 if else end nop", &["i32.const if -> if 2", " -> skip 2", "nop -> end"]),
        ("i32.const 1 br_if 0 nop", &["i32.const br_if -> br_if 2", "nop -> next", " -> end"]),
        ("block i32.const 1 br_table 0 1 0 end", &["block i32.const br_table -> table [1, 1, 1]", " -> end"]),
        ("block i32.const 1 br_table 0 0 end nop", &["block i32.const br_table -> br 1", "nop -> end"]),
        ("loop i32.const 1 br_table 0 0 end", &["loop i32.const br_table -> loop 0"]),
        ("call 0 nop", &["call -> call(funcindex(0))", "nop -> end"]),
        ("return_call 0", &["return_call -> returncall(funcindex(0))"]),
        (
            "return block i32.const 1 if br 1 else br 0 end br_table 0 1 end loop br 0 end",
            &["return -> return"],
        ),
    ] {
        assert_eq!(blocks(body), expected, "{body}");
    }
}

#[test]
fn offsets_are_those_of_the_file() {
    let module = module("(module (func nop) (func (local i32 i64) nop i32.const 300 drop))");
    for func in module.defined() {
        let code = module.code(func).unwrap();
        assert_eq!(code.body(), module.body(func).unwrap());
        for op in code.ops() {
            assert_eq!(module.function_at(op.offset), Some(func));
        }
    }
    let code = module.code(FuncIndex(1)).unwrap();
    let bytes: Vec<_> = code.ops().iter().map(|op| module.bytes()[op.offset.position()]).collect();
    assert_eq!(bytes, [0x01, 0x41, 0x1a]);
    assert_eq!(code.ops()[0].offset.0 - code.start().0, 5);
    assert_eq!(module.function_at(CodeOffset(0)), None);
    assert_eq!(module.function_at(CodeOffset(u32::MAX)), None);
}

#[test]
fn what_the_sections_say() {
    let module = module(
        r#"(module
          (import "a" "m" (memory 1))
          (import "a" "f" (func $f (param i32 i64) (result f32)))
          (import "b" "t" (table 1 funcref))
          (import "b" "g" (func))
          (func $named (export "main") (result i32) i32.const 1)
          (func $start)
          (export "mem" (memory 0))
          (start $start))"#,
    );
    assert_eq!((module.imported_functions(), module.defined_functions(), module.functions()), (2, 2, 4));
    let import = module.imported_function(FuncIndex(0)).unwrap();
    assert_eq!((&*import.module, &*import.name), ("a", "f"));
    assert_eq!(module.imported_function(FuncIndex(2)), None);
    let arity = |func| module.func_type(FuncIndex(func)).map(|ty| (ty.params().len(), ty.results().len()));
    assert_eq!([0, 1, 2, 3, 4].map(arity), [Some((2, 1)), Some((0, 0)), Some((0, 1)), Some((0, 0)), None]);
    assert_eq!(
        [0, 1, 2, 3, 4].map(|func| module.name(FuncIndex(func))),
        [Some("f"), None, Some("named"), Some("start"), None]
    );
    assert_eq!(module.start(), Some(FuncIndex(3)));
    let exports: Vec<_> = module.exports().iter().map(|export| (&*export.name, export.func)).collect();
    assert_eq!(exports, [("main", Some(FuncIndex(2))), ("mem", None)]);
    let func = |name| module.export(name).map(|export| export.func);
    assert_eq!(["main", "mem", "", "n"].map(func), [Some(Some(FuncIndex(2))), Some(None), None, None]);
    assert_eq!(module.imports().iter().filter(|import| !import.is_function()).count(), 2);
    for func in [0, 1, 4, u32::MAX] {
        let error = module.code(FuncIndex(func)).unwrap_err();
        assert!(matches!(error.kind(), ParseErrorKind::NoBody { .. }), "{func}");
    }
}

/// A module with one function of this body, its locals included.
fn with_body(body: &[u8]) -> Module {
    let leb = |mut n: usize| {
        let mut bytes = Vec::new();
        while n >= 0x80 {
            bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
        bytes
    };
    let entry = [&leb(body.len())[..], body].concat();
    let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a".to_vec();
    bytes.extend(leb(entry.len() + 1));
    bytes.push(1);
    bytes.extend(entry);
    Module::parse(bytes).expect("the sections are sound")
}

#[test]
fn nesting_costs_no_native_stack() {
    let depth = 100_000;
    for opener in [&[0x02u8, 0x40][..], &[0x03, 0x40], &[0x41, 0x01, 0x04, 0x40]] {
        let body = [&[0][..], &opener.repeat(depth), &vec![0x0b; depth + 1]].concat();
        let module = with_body(&body);
        let code = module.code(FuncIndex(0)).unwrap();
        assert!(code.ops().len() >= depth);
    }
}

#[test]
fn unsound_bodies_are_refused() {
    for (body, expected) in [
        (&[][..], "unexpected end"),
        (&[0], "control frames remain"),
        (&[0, 0x01], "control frames remain"),
        (&[0, 0x0b, 0x0b], "operators remaining after end"),
        (&[0, 0x05, 0x0b], "`else` found outside"),
        (&[0, 0x0c, 0x01, 0x0b], "branch to label 1 inside 1 labels"),
        (&[0, 0x0c, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b], "branch to label 4294967295 inside 1 labels"),
        (&[0, 0x10, 0x07, 0x0b], "call of function 7 in a module of 1 functions"),
        (&[0, 0x0e, 0xff, 0xff, 0xff, 0x0f, 0x0b], "br_table"),
        (&[0, 0xd5, 0x01, 0x0b], "branch to label 1 inside 1 labels"),
        (&[0, 0x09, 0x01, 0x0b, 0x0b], "branch to label 1 inside 1 labels"),
        (&[0, 0x06, 0x40, 0x18, 0x01, 0x0b], "branch to label 2 inside 2 labels"),
        (&[0, 0x06, 0x40, 0x18, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b], "inside 2 labels"),
        (&[0, 0x1f, 0x40, 0x01, 0x02, 0x01, 0x0b, 0x0b], "branch to label 1 inside 1 labels"),
        (&[0, 0x19, 0x0b], "`catch_all` found outside"),
        (&[0xff, 0xff, 0xff, 0xff, 0x0f], "unexpected end"),
        (&[0, 0x27, 0x0b], "illegal opcode"),
    ] {
        let message = with_body(body).code(FuncIndex(0)).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains(expected), "{body:x?}: {message}");
    }
}

#[test]
fn unsound_modules_are_refused() {
    for bytes in [
        &b""[..],
        b"\0as",
        b"\0asm\x02\0\0\0",
        b"\0asm\x0d\0\x01\0",
        b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f",
        b"MZ\x90\0",
    ] {
        assert!(Module::parse(bytes).is_err(), "{bytes:x?}");
    }
    let sound = wat::parse_str(
        "(module (import \"a\" \"b\" (func)) (func $f (export \"x\") (loop br 0)) (func (call $f)))",
    )
    .unwrap();
    for position in 0..sound.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = sound.clone();
            bytes[position] = value;
            let Ok(module) = Module::parse(bytes) else { continue };
            for func in (0..module.functions().min(1000)).map(FuncIndex) {
                let _ = (module.name(func), module.func_type(func), module.code(func));
            }
        }
        let _ = Module::parse(&sound[..position]);
    }
}

#[test]
fn successors_of_blocks() {
    let module = module(
        "(module (func (param i32) loop block local.get 0 br_table 0 1 2 end local.get 0 br_if 0 end call 0 return))",
    );
    let code = module.code(FuncIndex(0)).unwrap();
    let successors = |block| code.successors(BlockIndex(block)).map(|to| to.0).collect::<Vec<_>>();
    let all: Vec<_> = (0..code.blocks().len() as u32 + 1).map(successors).collect();
    assert_eq!(all, [vec![1, 0, 4], vec![2, 0], vec![3], vec![], vec![], vec![]]);
}

/// The samples beside the project.
fn samples() -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
    let shared = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let folders = ["workloads", "samples/benign", "samples/hostile"].map(|folder| shared.join(folder));
    assert!(folders[0].exists(), "{}", folders[0].display());
    let files = folders.into_iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    files.filter_map(|file| Some((file.path(), std::fs::read(file.path()).ok()?)))
}

#[needs("../shared/samples", "../shared/workloads")]
#[test]
fn code_of_samples_hangs_together() {
    for (path, bytes) in samples().filter(|(_, bytes)| bytes.len() < 300_000) {
        let Ok(module) = Module::parse(bytes) else { continue };
        for func in module.defined() {
            let Ok(code) = module.code(func) else { continue };
            let blocks = code.blocks();
            let mut is_reached = vec![false; blocks.len()];
            is_reached[0] = true;
            for (index, block) in (0..).zip(blocks) {
                assert!(block.range().end <= code.ops().len(), "{path:?}, function {func}");
                code.successors(BlockIndex(index)).for_each(|to| is_reached[to.position()] = true);
            }
            assert!(is_reached.iter().all(|&is_reached| is_reached), "{path:?}, function {func}");
            assert!(
                blocks.windows(2).all(|pair| pair[0].range().end <= pair[1].range().start),
                "{path:?}, function {func}"
            );
        }
    }
}

/// Time to parse and to decode, for each sample.
#[test]
#[ignore = "a benchmark"]
fn parsing_speed() {
    for (path, bytes) in samples() {
        let len = bytes.len();
        let start = Instant::now();
        let Ok(module) = Module::parse(bytes) else { continue };
        let parsed = start.elapsed();
        let start = Instant::now();
        let ops: usize =
            module.defined().map(|func| module.code(func).map_or(0, |code| code.ops().len())).sum();
        println!(
            "{}: {len} bytes, parsed in {parsed:?}; {ops} instructions decoded in {:?}",
            path.display(),
            start.elapsed()
        );
    }
}
