//! Graphs in DOT: the call graph of the run, the static one, both in one with the colours of what ran, the
//! state machine, the control flow of a function.
//!
//! Nothing is left out unless asked for ([`Shown`]): what is not drawn is folded into nodes that count it.
//! Names of the sample stand in quoted strings only, escaped and cut.
//!
//! | node | means |
//! |---|---|
//! | red | executed, and suspicious (score above 20) |
//! | green | executed |
//! | blue ellipse | import |
//! | grey, dashed | never executed |
//! | orange | executed, but not in the static graph: a function that nothing in the file calls, an edge that neither code nor segments explain |

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    module::{
        Code, FuncIndex, Op,
        cfg::{Cfg, EdgeKind},
        view::{ExternKind, View},
    },
    passes::{CallEdgeKind, flow::Flow},
};

use super::limits::{MAX_LABEL, SHOWN_OPS};
use super::{Names, Report};
use crate::text::{clip, grouped, percent, plural, share};

mod heat;
mod shown;

use heat::{HEAT, heat, width};
pub use shown::Shown;
use shown::{Node, Selection, Weight};

/// A static score above this is suspicious.
pub const SUSPICIOUS: u32 = 20;

/// A graph in the making.
struct Graph {
    text: String,
}

impl Graph {
    fn new(name: &str) -> Self {
        let mut text = format!("digraph {name} {{\n");
        text.push_str("  rankdir=TB;\n  node [shape=box, style=filled, fillcolor=white, fontname=\"monospace\", fontsize=10];\n");
        text.push_str("  edge [fontname=\"monospace\", fontsize=9];\n");
        Self { text }
    }

    fn node(&mut self, id: &str, label: &[String], attributes: &str) {
        let _ = writeln!(self.text, "  {id} [label={}, {attributes}];", quote(label));
    }

    fn edge(&mut self, from: &str, to: &str, label: &str, attributes: &str) {
        let separator = if attributes.is_empty() { "" } else { ", " };
        let _ = writeln!(
            self.text,
            "  {from} -> {to} [label={}{separator}{attributes}];",
            quote(&[label.to_owned()])
        );
    }

    fn legend(&mut self, entries: &[(&str, &str)]) {
        self.text.push_str("  subgraph cluster_legend {\n    label=\"legend\";\n    fontname=\"monospace\";\n    fontsize=10;\n");
        for (position, (label, attributes)) in entries.iter().enumerate() {
            let _ = writeln!(
                self.text,
                "    legend{position} [label={}, {attributes}];",
                quote(&[(*label).to_owned()])
            );
        }
        self.text.push_str("  }\n");
    }

    /// A line above the graph.
    fn title(&mut self, text: &str) {
        let _ = writeln!(self.text, "  label={};\n  labelloc=t;", quote(&[text.to_owned()]));
    }

    fn finish(mut self) -> String {
        self.text.push_str("}\n");
        self.text
    }
}

/// A quoted string of DOT, the lines one below the other. Graphviz reads escapes and HTML entities in it;
/// those of the sample stay text.
fn quote(lines: &[String]) -> String {
    let mut quoted = String::from("\"");
    for (position, line) in lines.iter().enumerate() {
        quoted.push_str(if position > 0 { "\\n" } else { "" });
        for char in clip(line, MAX_LABEL).chars() {
            match char {
                '\\' => quoted.push_str("\\\\"),
                '"' => quoted.push_str("\\\""),
                '&' => quoted.push_str("&amp;"),
                '<' => quoted.push_str("&lt;"),
                '>' => quoted.push_str("&gt;"),
                _ => quoted.push(char),
            }
        }
    }
    quoted.push('"');
    quoted
}

const RED: &str = "fillcolor=\"#f4a3a3\", color=\"#b00000\"";
const GREEN: &str = "fillcolor=\"#b7e4b0\", color=\"#207020\"";
const BLUE: &str = "shape=ellipse, fillcolor=\"#bcd7f5\", color=\"#2050a0\"";
const GREY: &str = "fillcolor=\"#eeeeee\", color=\"#888888\", fontcolor=\"#666666\", style=\"filled,dashed\"";
const ORANGE: &str = "fillcolor=\"#ffd08a\", color=\"#c06000\"";
const FOLD: &str = "shape=box3d, fillcolor=\"#f4f4f4\"";
const HOST: &str = "shape=doublecircle, fillcolor=white";

const LEGEND: &[(&str, &str)] = &[
    ("executed, suspicious", RED),
    ("executed", GREEN),
    ("import", BLUE),
    ("never executed", GREY),
    ("executed, not in the static graph", ORANGE),
];

type RunEdge = crate::passes::CallEdge;

/// What a run knows of its functions.
struct Ran<'a> {
    calls: BTreeMap<FuncIndex, (u64, u64)>,
    /// Functions that the static graph does not lead to.
    unexplained: BTreeSet<FuncIndex>,
    names: Names<'a>,
    /// Instructions of the run.
    total: u64,
    shown: Shown,
}

impl<'a> Ran<'a> {
    fn of(report: &Report<'a>, shown: Shown) -> Self {
        let calls = report
            .dynamic
            .functions
            .iter()
            .map(|function| (function.index, (function.calls, function.classes.total)));
        Self {
            calls: calls.collect(),
            unexplained: unexplained(report),
            names: Names::of(report.view),
            total: report.instructions,
            shown,
        }
    }

    fn node(&self, graph: &mut Graph, func: FuncIndex) {
        let mut label = vec![self.names.func(func)];
        let attributes = if self.names.import(func).is_some() {
            BLUE.to_owned()
        } else if let Some(&(calls, instructions)) = self.calls.get(&func) {
            label.push(format!("{}, {}", plural(calls, "call"), plural(instructions, "instruction")));
            let part = share(instructions, self.total);
            label.extend(self.shown.heat.then(|| format!("{} of the run", percent(part))));
            self.colour(func, part)
        } else {
            GREY.to_owned()
        };
        graph.node(&id(func), &label, &attributes);
    }

    /// The colour of an executed function; with heat, what is odd about it is its border.
    fn colour(&self, func: FuncIndex, share: f64) -> String {
        let score = self.names.function(func).map_or(0, |function| function.score);
        match (self.unexplained.contains(&func), score > SUSPICIOUS, self.shown.heat) {
            (true, _, false) => ORANGE.to_owned(),
            (_, true, false) => RED.to_owned(),
            (_, _, false) => GREEN.to_owned(),
            (true, _, true) => format!("{}, color=\"#c06000\", penwidth=3", heat(share)),
            (_, true, true) => format!("{}, color=\"#b00000\", penwidth=3", heat(share)),
            (_, _, true) => heat(share).to_owned(),
        }
    }

    /// The functions to choose from.
    fn weights(
        &self,
        funcs: impl Iterator<Item = FuncIndex>,
        edges: &[RunEdge],
    ) -> BTreeMap<FuncIndex, Weight> {
        let mut weights: BTreeMap<_, _> = funcs
            .map(|func| {
                let heat = self.calls.get(&func).map_or(0, |(_, instructions)| (*instructions).max(1));
                (func, Weight { heat, is_import: self.names.import(func).is_some() })
            })
            .collect();
        for edge in edges {
            if let Some(weight) = weights.get_mut(&edge.callee).filter(|weight| weight.is_import) {
                weight.heat = weight.heat.saturating_add(edge.count);
            }
        }
        weights
    }

    fn legend(&self, graph: &mut Graph) {
        if !self.shown.heat {
            return graph.legend(LEGEND);
        }
        let mut legend: Vec<_> = HEAT.iter().map(|(_, label, colour)| (*label, *colour)).collect();
        legend.extend([
            ("suspicious", "fillcolor=white, color=\"#b00000\", penwidth=3"),
            ("not in the static graph", "fillcolor=white, color=\"#c06000\", penwidth=3"),
            ("import", BLUE),
            ("never executed", GREY),
            ("width of an edge: how often, logarithmic", "fillcolor=white"),
        ]);
        graph.legend(&legend);
    }
}

/// Functions that ran and to which no call of the static graph, no export and no start section leads.
fn unexplained(report: &Report<'_>) -> BTreeSet<FuncIndex> {
    let mut found: BTreeSet<_> = report.dynamic.coverage.hidden.iter().map(|call| call.callee).collect();
    let exported = report
        .view
        .exports
        .iter()
        .filter(|export| export.kind == ExternKind::Function)
        .map(|export| FuncIndex(export.index));
    for func in
        exported.chain(report.view.start).chain(report.view.calls.edges.iter().map(|edge| edge.callee))
    {
        found.remove(&func);
    }
    found.extend(&report.dynamic.coverage.unexpected);
    found
}

fn id(func: FuncIndex) -> String {
    format!("f{func}")
}

/// The call graph of the run: who called whom, and how often.
pub fn calls(report: &Report<'_>, shown: Shown) -> String {
    let ran = Ran::of(report, shown);
    let mut graph = Graph::new("calls");
    let edges = &report.dynamic.call_graph.edges;
    let mut funcs: BTreeSet<_> =
        edges.iter().flat_map(|edge| edge.caller.into_iter().chain([edge.callee])).collect();
    funcs.extend(ran.calls.keys());
    let pairs: Vec<_> = edges.iter().filter_map(|edge| Some((edge.caller?, edge.callee))).collect();
    let selection = Selection::of(shown, ran.weights(funcs.iter().copied(), edges), &pairs);
    if edges.iter().any(|edge| edge.caller.is_none()) {
        graph.node("host", &["the host".to_owned()], HOST);
    }
    for func in funcs.into_iter().filter(|&func| selection.node(func) == Node::Func(func)) {
        ran.node(&mut graph, func);
    }
    folded(&mut graph, &selection, ran.total);
    run_edges(&mut graph, edges, &selection, shown, |_| "");
    ran.legend(&mut graph);
    graph.finish()
}

/// The nodes of what is folded.
fn folded(graph: &mut Graph, selection: &Selection, total: u64) {
    if let Some(note) = &selection.note {
        graph.title(note);
    }
    for (node, (count, heat)) in selection.folded() {
        let (label, attributes) = match node {
            Node::Ran => {
                let part = percent(share(heat, total));
                (
                    vec![
                        format!("{} executed", plural(count, "other function")),
                        format!("{part} of the run"),
                    ],
                    FOLD,
                )
            }
            Node::Imports => (vec![plural(count, "other import")], BLUE),
            _ => (vec![format!("{} never executed", plural(count, "function"))], GREY),
        };
        graph.node(&node.id(), &label, attributes);
    }
}

/// The calls of a run; those from or to what is folded are one for each two nodes.
fn run_edges<'s>(
    graph: &mut Graph,
    edges: &[RunEdge],
    selection: &Selection,
    shown: Shown,
    style: impl Fn(&RunEdge) -> &'s str,
) {
    let mut sums: BTreeMap<(Option<Node>, Node), u64> = BTreeMap::new();
    for edge in edges {
        let ends = (edge.caller.map(|caller| selection.node(caller)), selection.node(edge.callee));
        match ends {
            (None | Some(Node::Func(_)), Node::Func(_)) => run_edge(graph, edge, shown, style(edge)),
            _ => {
                let sum = sums.entry(ends).or_default();
                *sum = sum.saturating_add(edge.count);
            }
        }
    }
    for ((from, to), count) in sums.into_iter().filter(|((from, to), _)| *from != Some(*to)) {
        let from = from.map_or_else(|| "host".to_owned(), Node::id);
        graph.edge(&from, &to.id(), &grouped(count), "color=\"#888888\"");
    }
}

fn run_edge(graph: &mut Graph, edge: &RunEdge, shown: Shown, attributes: &str) {
    let from = edge.caller.map_or_else(|| "host".to_owned(), id);
    let how = match (edge.kind, edge.tail) {
        (CallEdgeKind::Direct, false) => "",
        (CallEdgeKind::Direct, true) => " tail",
        (CallEdgeKind::Indirect, false) => " indirect",
        (CallEdgeKind::Indirect, true) => " indirect tail",
        (CallEdgeKind::Host, _) => " host",
    };
    let label = format!("{}{how}", grouped(edge.count));
    let width = shown.heat.then(|| format!("penwidth={:.1}", width(edge.count)));
    let attributes: Vec<_> =
        Some(attributes.to_owned()).filter(|text| !text.is_empty()).into_iter().chain(width).collect();
    graph.edge(&from, &id(edge.callee), &label, &attributes.join(", "));
}

/// The static call graph.
pub fn static_calls(view: &View, shown: Shown) -> String {
    let names = Names::of(view);
    let dead: BTreeSet<_> = view.calls.dead.iter().copied().collect();
    let mut graph = Graph::new("static_calls");
    let imports = view.imports.iter().filter_map(|import| import.func);
    let funcs: Vec<_> = imports.chain(view.functions.iter().map(|function| function.index)).collect();
    let selection = static_selection(view, &names, &funcs, shown);
    for func in funcs.into_iter().filter(|&func| selection.node(func) == Node::Func(func)) {
        let attributes = match (names.import(func), names.function(func)) {
            (Some(_), _) => BLUE,
            _ if dead.contains(&func) => GREY,
            (_, Some(function)) if function.score > SUSPICIOUS => RED,
            _ => "fillcolor=white",
        };
        graph.node(&id(func), &[names.func(func)], attributes);
    }
    if let Some(note) = &selection.note {
        graph.title(note);
    }
    for (node, (count, _)) in selection.folded() {
        graph.node(&node.id(), &[plural(count, "other function")], FOLD);
    }
    static_edges(&mut graph, view, &selection);
    graph.legend(&[("score above 20", RED), ("import", BLUE), ("nothing can call it", GREY)]);
    graph.finish()
}

/// Of the static graph the hottest are those with the most calls in the code, from and to them.
fn static_selection(view: &View, names: &Names<'_>, funcs: &[FuncIndex], shown: Shown) -> Selection {
    let weight = |func: FuncIndex| (func, Weight { heat: 1, is_import: names.import(func).is_some() });
    let mut weights: BTreeMap<_, _> = funcs.iter().map(|&func| weight(func)).collect();
    for edge in &view.calls.edges {
        for func in [edge.caller, edge.callee] {
            if let Some(weight) = weights.get_mut(&func) {
                weight.heat = weight.heat.saturating_add(edge.sites.into());
            }
        }
    }
    let pairs: Vec<_> = view.calls.edges.iter().map(|edge| (edge.caller, edge.callee)).collect();
    Selection::of(shown, weights, &pairs)
}

fn static_edges(graph: &mut Graph, view: &View, selection: &Selection) {
    let mut folded: BTreeMap<(Node, Node), u64> = BTreeMap::new();
    for edge in &view.calls.edges {
        let ends = (selection.node(edge.caller), selection.node(edge.callee));
        if let (Node::Func(_), Node::Func(_)) = ends {
            let (label, attributes) = match edge.kind {
                crate::module::view::StaticCallKind::Direct => (grouped(edge.sites.into()), ""),
                crate::module::view::StaticCallKind::Indirect => {
                    (format!("{} indirect", grouped(edge.sites.into())), "style=dashed")
                }
            };
            graph.edge(&id(edge.caller), &id(edge.callee), &label, attributes);
        } else {
            let sum = folded.entry(ends).or_default();
            *sum = sum.saturating_add(edge.sites.into());
        }
    }
    for ((from, to), sites) in folded.into_iter().filter(|((from, to), _)| from != to) {
        graph.edge(&from.id(), &to.id(), &grouped(sites), "color=\"#888888\"");
    }
}

/// What ran, over what there is: the static call graph and the run's in one.
pub fn dynamic(report: &Report<'_>, shown: Shown) -> String {
    let ran = Ran::of(report, shown);
    let mut graph = Graph::new("dynamic");
    graph.node("host", &["the host".to_owned()], HOST);
    let imports = report.view.imports.iter().filter_map(|import| import.func);
    let funcs: Vec<_> = imports.chain(report.view.functions.iter().map(|function| function.index)).collect();
    let edges = &report.dynamic.call_graph.edges;
    let ran_pairs = edges.iter().filter_map(|edge| Some((edge.caller?, edge.callee)));
    let pairs: Vec<_> =
        ran_pairs.chain(report.view.calls.edges.iter().map(|edge| (edge.caller, edge.callee))).collect();
    let selection = Selection::of(shown, ran.weights(funcs.iter().copied(), edges), &pairs);
    for func in funcs.into_iter().filter(|&func| selection.node(func) == Node::Func(func)) {
        ran.node(&mut graph, func);
    }
    folded(&mut graph, &selection, ran.total);
    let hidden: BTreeSet<_> =
        report.dynamic.coverage.hidden.iter().map(|call| (call.caller, call.callee)).collect();
    run_edges(&mut graph, edges, &selection, shown, |edge| {
        match hidden.contains(&(edge.caller, edge.callee)) {
            true if shown.heat => "color=\"#c06000\"",
            true => "color=\"#c06000\", penwidth=2",
            false => "color=\"#207020\"",
        }
    });
    never_taken(&mut graph, report, &selection);
    ran.legend(&mut graph);
    graph.finish()
}

/// Calls of the code that the run did not make, between functions that are drawn. Calls to folded functions
/// would be a line from nearly every node to one, through all others.
fn never_taken(graph: &mut Graph, report: &Report<'_>, selection: &Selection) {
    let executed: BTreeSet<_> =
        report.dynamic.call_graph.edges.iter().map(|edge| (edge.caller, edge.callee)).collect();
    let edges = report.view.calls.edges.iter();
    for edge in edges.filter(|edge| !executed.contains(&(Some(edge.caller), edge.callee))) {
        let (from, to) = (selection.node(edge.caller), selection.node(edge.callee));
        if matches!((from, to), (Node::Func(_), Node::Func(_))) {
            graph.edge(&from.id(), &to.id(), "", "style=dashed, color=\"#aaaaaa\"");
        }
    }
}

fn state_style(is_initial: bool, is_terminal: bool) -> String {
    let fill = match (is_initial, is_terminal) {
        (true, _) => "#b7e4b0",
        (_, true) => "#eeeeee",
        _ => "white",
    };
    let shape = if is_terminal { "peripheries=2" } else { "style=\"filled,rounded\"" };
    // Names of colours need no quotes.
    let fill = if fill.starts_with('#') { format!("\"{fill}\"") } else { fill.to_owned() };
    format!("fillcolor={fill}, shape=box, {shape}")
}

/// The state machine: functions as states, calls as transitions.
pub fn states(report: &Report<'_>) -> String {
    let names = Names::of(report.view);
    let mut graph = Graph::new("states");
    for state in &report.dynamic.states.states {
        let label = [names.func(state.func), plural(state.visits, "visit")];
        graph.node(&id(state.func), &label, &state_style(state.initial, state.terminal));
    }
    for step in &report.dynamic.states.transitions {
        let style = match (step.back, step.rare) {
            (true, _) => "color=\"#b00000\", penwidth=2",
            (_, true) => "style=dotted",
            _ => "",
        };
        let label = format!("{} ({:.0} %)", grouped(step.count), step.probability * 100.0);
        graph.edge(&id(step.from), &id(step.to), &label, style);
    }
    graph.legend(&[
        ("initial", "fillcolor=\"#b7e4b0\", style=\"filled,rounded\""),
        ("terminal", "fillcolor=\"#eeeeee\", peripheries=2"),
        ("red edge: back, dotted edge: rare", "fillcolor=white"),
    ]);
    graph.finish()
}

/// The word for an edge; none where it goes without saying.
fn way(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Next | EdgeKind::Jump => "",
        EdgeKind::Taken => "taken",
        EdgeKind::NotTaken => "not taken",
        EdgeKind::Then => "then",
        EdgeKind::Else => "else",
        EdgeKind::Table => "table",
        EdgeKind::Throw => "throw",
        EdgeKind::Catch => "catch",
        EdgeKind::Suspend => "suspend",
    }
}

/// The lines in a block's box.
fn block_label(index: u32, ops: &[Op], count: u64, depth: Option<u32>) -> Vec<String> {
    let span = match (ops.first(), ops.last()) {
        (Some(first), Some(last)) => format!("{:#x} to {:#x}", first.offset.0, last.offset.0),
        _ => "empty".to_owned(),
    };
    let mut label = vec![
        format!("block {index}: {span}"),
        format!("{}, executed {}", plural(ops.len() as u64, "instruction"), plural(count, "time")),
    ];
    label.extend(depth.map(|depth| format!("header of a loop, depth {depth}")));
    label.extend(ops.iter().take(SHOWN_OPS).map(|op| op.opcode.mnemonic().to_owned()));
    let more = ops.len().saturating_sub(SHOWN_OPS);
    label.extend((more > 0).then(|| format!("and {more} more")));
    label
}

fn edge_style(is_back: bool, count: u64) -> &'static str {
    match (is_back, count) {
        (true, 0) => "color=\"#b00000\", style=dashed",
        (true, _) => "color=\"#b00000\", penwidth=2",
        (false, 0) => "color=\"#aaaaaa\", style=dashed",
        (false, _) => "color=\"#207020\"",
    }
}

/// The control flow of a function, with how often each block ran and each edge was taken. `flow` is absent if
/// there was no run.
pub fn cfg(report: &Report<'_>, func: FuncIndex, code: &Code, flow: Option<&Flow>, shown: Shown) -> String {
    let names = Names::of(report.view);
    let graph_of = Cfg::of(code);
    let depths: BTreeMap<_, _> = graph_of.loops.iter().map(|found| (found.header.0, found.depth)).collect();
    let mut graph = Graph::new("cfg");
    graph.title(&names.func(func));
    for (index, block) in (0u32..).zip(code.blocks()) {
        let count = flow.and_then(|flow| flow.blocks.get(&index)).copied().unwrap_or(0);
        let label = block_label(index, &code.ops()[block.range()], count, depths.get(&index).copied());
        let instructions = count.saturating_mul(block.range().len() as u64);
        let colour = match (count, shown.heat) {
            (0, _) => GREY,
            (_, false) => GREEN,
            (_, true) => heat(share(instructions, report.instructions)),
        };
        graph.node(&format!("b{index}"), &label, colour);
    }
    // Several edges between the same blocks are one: the run does not tell them apart.
    let mut edges: BTreeMap<(u32, u32), Vec<&'static str>> = BTreeMap::new();
    for edge in &graph_of.edges {
        edges.entry((edge.from.0, edge.to.0)).or_default().push(way(edge.kind));
    }
    for ((from, to), mut ways) in edges {
        let count = flow.and_then(|flow| flow.edges.get(&(from, to))).copied().unwrap_or(0);
        // Wasm is structured: an edge goes back only to a loop that encloses it.
        let is_back = to <= from;
        ways.dedup();
        let back = if is_back { " (back)" } else { "" };
        let label = format!("{} {}{back}", ways.join(", "), grouped(count));
        let style = match shown.heat && count > 0 {
            true => format!(
                "{}, penwidth={:.1}",
                edge_style(is_back, count).trim_end_matches(", penwidth=2"),
                width(count)
            ),
            false => edge_style(is_back, count).to_owned(),
        };
        graph.edge(&format!("b{from}"), &format!("b{to}"), label.trim_start(), &style);
    }
    let mut legend = match shown.heat {
        true => HEAT.iter().map(|(_, label, colour)| (*label, *colour)).collect(),
        false => vec![("executed", GREEN)],
    };
    legend.extend([("never executed", GREY), ("red edge: back edge", "fillcolor=white")]);
    graph.legend(&legend);
    graph.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_labels_stay_inside_their_quotes() {
        for (label, expected) in [
            ("a\"];x[label=\"b", "\"a\\\"];x[label=\\\"b\""),
            ("back\\", "\"back\\\\\""),
            ("<b>&lt;", "\"&lt;b&gt;&amp;lt;\""),
            ("\\N\u{1b}\u{202e}\n", "\"\\\\N\\\\u{1b}\\\\u{202e}\\\\n\""),
        ] {
            assert_eq!(quote(&[label.to_owned()]), expected);
        }
    }
}
