mod steps;

use std::collections::BTreeSet;

use petgraph::{algo::dominators::simple_fast, graph::DiGraph};

use super::*;
use crate::module::{FuncIndex, Module};

fn cfg(body: &str) -> Cfg {
    let text = format!("(module (memory 1) (func (param i32) {body}) (func $f) (func $x (param i32)))");
    let module = Module::parse(wat::parse_str(text).expect("well formed")).expect("parses");
    Cfg::of(module.code(FuncIndex(0)).expect("decodes"))
}

#[test]
fn shapes_have_the_figures_of_the_textbook() {
    let x = "local.get 0";
    for (body, blocks, edges, cyclomatic) in [
        (String::new(), 1, 0, 1),
        ("nop nop".into(), 1, 0, 1),
        (format!("{x} if nop end"), 3, 3, 2),
        (format!("{x} if end"), 2, 2, 2),
        (format!("{x} if nop else nop end"), 4, 4, 2),
        (format!("{x} if nop end {x} if nop end {x} if nop end"), 7, 9, 4),
        (format!("{x} if return end {x} if unreachable end"), 5, 4, 3),
        (format!("{x} if return else return_call 1 end"), 3, 2, 2),
        // Calls, growth and bulk operations end no basic block.
        (format!("call 1 call 1 {x} memory.grow drop {x} {x} {x} memory.fill call 1"), 1, 0, 1),
        (format!("{x} if call 1 end"), 3, 3, 2),
        // A `loop` that nothing branches to is no leader.
        ("nop loop nop end nop".into(), 1, 0, 1),
        ("loop br 0 end".into(), 1, 1, 1),
        (format!("nop loop {x} br_if 0 end nop"), 3, 3, 2),
        (format!("block loop {x} br_if 1 br 0 end end"), 4, 4, 2),
        // A table has an edge for each place, not for each label.
        (format!("block block block {x} br_table 0 1 2 1 0 end nop end nop end nop"), 4, 5, 3),
        (format!("block {x} br_table 0 0 0 end nop"), 2, 1, 1),
        (format!("block {x} br_if 0 end"), 2, 2, 2),
        (format!("return {x} if nop end"), 1, 0, 1),
    ] {
        let cfg = cfg(&body);
        assert_eq!(
            (cfg.block_count, cfg.edge_count, cfg.cyclomatic()),
            (blocks, edges, cyclomatic),
            "{body}"
        );
    }
}

#[test]
fn loops_nest() {
    let cfg = cfg("
        loop $a
          call $f
          loop $b
            (br_if $b (local.get 0))
          end
          loop $c
            loop $d
              (if (local.get 0) (then (br $c)))
              (br_if $d (local.get 0))
            end
            (br_if $a (local.get 0))
          end
          (if (local.get 0) (then (return)))
          (br_if $a (local.get 0))
        end");
    let shape: Vec<_> = cfg.loops.iter().map(|l| (l.parent, l.depth, l.back_edges)).collect();
    assert_eq!(shape, [(None, 1, 2), (Some(0), 2, 1), (Some(0), 2, 1), (Some(2), 3, 1)]);
    for (position, natural) in cfg.loops.iter().enumerate() {
        let blocks = cfg.blocks_of(natural);
        assert_eq!((blocks.len(), blocks[0]), (natural.len(), natural.header));
        assert!(blocks.iter().all(|block| cfg.loops_around(*block).any(|around| around == position)));
        assert!(blocks.iter().all(|block| cfg.dominates(natural.header, *block)));
    }
    let inner: BTreeSet<_> = cfg.blocks_of(&cfg.loops[3]).iter().collect();
    let outer: BTreeSet<_> = cfg.blocks_of(&cfg.loops[2]).iter().collect();
    assert!(inner.is_subset(&outer) && inner.len() < outer.len());
    // What returns lies in no loop.
    let exits = (0..cfg.idom.len()).filter(|block| cfg.leaving(BlockIndex(*block as u32)).is_empty());
    assert!(exits.map(|block| cfg.innermost[block]).all(|natural| natural.is_none()));
}

/// Holds a graph against petgraph's dominators and the textbook's definition of a natural loop.
fn check(code: &Code) {
    let cfg = Cfg::of(code);
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<_> = code.blocks().iter().map(|_| graph.add_node(())).collect();
    for edge in &cfg.edges {
        graph.add_edge(nodes[edge.from.position()], nodes[edge.to.position()], ());
    }
    let dominators = simple_fast(&graph, nodes[0]);
    let expected: Vec<_> = nodes
        .iter()
        .map(|node| dominators.immediate_dominator(*node).map(|node| BlockIndex(node.index() as u32)))
        .collect();
    assert_eq!(cfg.idom, expected);
    for natural in &cfg.loops {
        let mut expected = BTreeSet::from([natural.header]);
        let back = cfg.edges.iter().filter(|edge| edge.to == natural.header && edge.is_back());
        let mut pending: Vec<_> = back.map(|edge| edge.from).collect();
        assert_eq!(pending.len(), natural.back_edges as usize);
        while let Some(block) = pending.pop() {
            assert!(cfg.dominates(natural.header, block));
            if expected.insert(block) {
                pending.extend(cfg.edges.iter().filter(|edge| edge.to == block).map(|edge| edge.from));
            }
        }
        assert_eq!(cfg.blocks_of(natural).iter().copied().collect::<BTreeSet<_>>(), expected);
    }
    for block in 0..code.blocks().len() as u32 {
        let from_code: BTreeSet<_> = code.successors(BlockIndex(block)).collect();
        let from_cfg: BTreeSet<_> = cfg.leaving(BlockIndex(block)).iter().map(|edge| edge.to).collect();
        assert_eq!(from_code, from_cfg);
    }
}

#[test]
fn generated_code_agrees_with_petgraph() {
    let mut compared = 0;
    for seed in 0..500u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(4000)
        .collect();
        let config = wasm_smith::Config {
            exceptions_enabled: false,
            gc_enabled: false,
            ..wasm_smith::Config::default()
        };
        let generated = wasm_smith::Module::new(config, &mut arbitrary::Unstructured::new(&bytes));
        let Ok(module) = generated.map(|module| Module::parse(module.to_bytes())) else { continue };
        let module = module.expect("wasm-smith makes modules");
        for func in module.defined() {
            if let Ok(code) = module.code(func) {
                check(code);
                compared += 1;
            }
        }
    }
    assert!(compared > 200, "only {compared} functions were compared");
}

#[test]
fn hostile_shapes_take_linear_time() {
    let n = 20_000;
    let nested_loops =
        format!("{}{}{}", "loop ".repeat(n), "local.get 0 br_if 0 ".repeat(n), "end ".repeat(n));
    let graph = cfg(&format!("{}{}", "loop ".repeat(n), "local.get 0 br_if 0 end ".repeat(n)));
    assert_eq!((graph.loops.len(), graph.loops.last().map(|natural| natural.depth)), (n, Some(n as u32)));
    assert_eq!(graph.members.len(), graph.idom.len() - 1);
    assert_eq!(cfg(&nested_loops).loops.len(), 1);
    // Two tables over the same labels with a long way between them.
    let labels: Vec<_> = (0..n).map(|label| label.to_string()).collect();
    let table = format!("local.get 0 br_table {} ", labels.join(" "));
    let graph = cfg(&format!(
        "{}block {table} end {}{table}{}",
        "block ".repeat(n),
        "local.get 0 br_if 0 ".repeat(n),
        "end nop ".repeat(n)
    ));
    assert!(graph.edges.len() > 3 * n);
}

/// Modules that nobody wrote: with exceptions of both kinds, references, structures, and atomics.
fn generated(seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let bytes: Vec<u8> = (0..20_000).map(|_| next()).collect();
    let config = wasm_smith::Config {
        exceptions_enabled: true,
        gc_enabled: true,
        reference_types_enabled: true,
        tail_call_enabled: true,
        threads_enabled: true,
        wide_arithmetic_enabled: true,
        simd_enabled: true,
        min_funcs: 3,
        min_tags: 1,
        ..wasm_smith::Config::default()
    };
    let mut input = arbitrary::Unstructured::new(&bytes);
    wasm_smith::Module::new(config, &mut input).expect("enough bytes").to_bytes()
}

/// The operators that the validator says can be reached, by place; what is left out of `Code` left out. And
/// how many there are of all.
fn reachable(
    body: wasmparser::FunctionBody<'_>,
    validator: wasmparser::FuncToValidate<wasmparser::ValidatorResources>,
) -> BTreeSet<u32> {
    let mut validator = validator.into_validator(Default::default());
    let mut live = BTreeSet::new();
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader).expect("valid");
    let mut reader = wasmparser::OperatorsReader::new(reader);
    while !reader.eof() {
        let at = reader.original_position();
        let operator = reader.read().expect("valid");
        let is_live = validator.get_control_frame(0).is_some_and(|frame| !frame.unreachable);
        if is_live && !matches!(operator, wasmparser::Operator::End | wasmparser::Operator::Else) {
            live.insert(at as u32);
        }
        validator.op(at, &operator).expect("valid");
    }
    live
}

/// Code that the validator takes for dead is in no block, and each block has a way from the entry. (The
/// validator takes for live whatever comes behind an `end`; a graph knows better.)
#[test]
fn blocks_are_what_the_validator_can_reach() {
    let (mut functions, mut scopes, mut live_ops) = (0, 0, 0);
    for seed in 0..80 {
        let bytes = generated(seed);
        let module = Module::parse(bytes.clone()).expect("parses");
        let mut validator = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all());
        let mut funcs = module.defined();
        for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
            let payload = payload.expect("sound");
            let valid = validator.payload(&payload).expect("valid");
            let wasmparser::ValidPayload::Func(to_validate, body) = valid else { continue };
            let func = funcs.next().expect("a body for each function");
            let code = module.code(func).expect("decodes");
            let live = reachable(body, to_validate);
            let ours: BTreeSet<u32> = code
                .blocks()
                .iter()
                .flat_map(|block| &code.ops()[block.range()])
                .map(|op| op.offset.0)
                .collect();
            assert!(ours.is_subset(&live), "seed {seed}, function {func}");
            let reached: BTreeSet<_> = (0..code.blocks().len() as u32)
                .flat_map(|block| code.successors(BlockIndex(block)))
                .collect();
            let all = 1..code.blocks().len() as u32;
            assert!(all.into_iter().all(|block| reached.contains(&BlockIndex(block))), "{seed}, {func}");
            let has_scope = code.ops().iter().any(|op| op.opcode == crate::module::Opcode::TryTable);
            check(code);
            functions += 1;
            scopes += usize::from(has_scope);
            live_ops += live.len();
        }
    }
    assert!(functions > 100 && scopes > 5 && live_ops > 5000, "{functions} {scopes} {live_ops}");
}

/// The edges of exceptions of both kinds, `br_on_*` and all else are those of a second reading.
#[test]
fn edges_are_those_of_a_second_reading() {
    let mut compared = steps::Compared::default();
    for seed in 0..4000u64 {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        steps::compare(&steps::written(next), &format!("written {seed}"), &mut compared);
    }
    for seed in 0..40 {
        steps::compare(&generated(seed), &format!("generated {seed}"), &mut compared);
    }
    assert!(compared.functions > 4000 && compared.edges > 30_000, "{compared:?}");
    for word in ["try_table", "try", "delegate", "rethrow", "throw", "br_on"] {
        assert!(compared.seen.get(word).is_some_and(|count| *count > 500), "{word}: {compared:?}");
    }
}

/// The same of real modules: `SPOOR_MODULES=FOLDER cargo test --lib second_reading -- --ignored --nocapture`.
#[test]
#[ignore = "needs a folder of modules in SPOOR_MODULES"]
fn edges_of_real_modules_are_those_of_a_second_reading() {
    let folder = std::env::var_os("SPOOR_MODULES").expect("SPOOR_MODULES");
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let mut compared = steps::Compared::default();
        let name = entry.file_name().to_string_lossy().into_owned();
        steps::compare(&std::fs::read(entry.path()).expect("a file"), &name, &mut compared);
        println!("{name}: {compared:?}");
    }
}
