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
