//! The control flow of a function as a drawing: blocks by heat, edges by how often they were taken.
//!
//! Control flow of Wasm is structured: file order is a topological order of the edges forward. So the layer
//! of a block is its longest way from the entry, in one pass, and edges back go up beside the layers. Linear
//! in blocks and edges, which are bounded.

use std::collections::{BTreeMap, HashMap};

use maud::{Markup, html};

use super::{heat, limits, listing::Listing, page::Page};
use crate::{
    module::{
        BlockIndex, Code, Exit,
        cfg::{Cfg, EdgeKind},
    },
    text::{cut, grouped, plural},
};

/// Width of a box, and from one to the next.
const WIDTH: f64 = 190.0;
const STEP: f64 = 220.0;
/// Height of a line in a box.
const LINE: f64 = 14.0;
/// Room between layers for the numbers at edges.
const GAP: f64 = 44.0;

/// Blocks that run as one.
#[derive(Debug)]
struct Node {
    blocks: Vec<usize>,
    layer: usize,
    x: f64,
    y: f64,
    height: f64,
}

/// An edge between nodes.
#[derive(Debug)]
struct Arrow {
    from: usize,
    to: usize,
    count: u64,
    is_back: bool,
}

/// The drawing; in its place why there is none.
pub(super) fn of(page: &Page<'_, '_>, listing: &Listing) -> Markup {
    let Ok(code) = listing.module.code(listing.func) else { return html! {} };
    let too_big = |what: String| {
        html! { p.dim { "The control flow is not drawn: it has " (what) ", and up to "
        (limits::CFG_BLOCKS) " blocks and " (limits::CFG_EDGES) " edges are." } }
    };
    // Blocks end at calls, too: what is drawn is less.
    if code.blocks().len() > 4 * limits::CFG_BLOCKS {
        return too_big(plural(code.blocks().len() as u64, "block"));
    }
    let graph = Cfg::of(code);
    let (mut nodes, of_block) = merge(code, &graph);
    let arrows = arrows(page, listing, code, &graph, &of_block);
    if nodes.len() > limits::CFG_BLOCKS || arrows.len() > limits::CFG_EDGES {
        let (blocks, edges) = (plural(nodes.len() as u64, "block"), plural(arrows.len() as u64, "edge"));
        return too_big(format!("{blocks} and {edges}"));
    }
    lay_out(&mut nodes, &arrows, code);
    draw(page, listing, code, &nodes, &arrows)
}

/// Joins blocks that run as one. The first leads nowhere else, and nothing else leads to the next.
fn merge(code: &Code, graph: &Cfg) -> (Vec<Node>, Vec<usize>) {
    let mut entered = vec![0u32; code.blocks().len()];
    for edge in &graph.edges {
        entered[edge.to.position()] += 1;
    }
    let (mut nodes, mut of_block): (Vec<Node>, Vec<usize>) = (Vec::new(), Vec::new());
    for (block, entered) in entered.iter().enumerate() {
        let before = block.checked_sub(1).map(|before| graph.leaving(BlockIndex(before as u32)));
        let goes_on = matches!(before, Some([edge]) if edge.kind == EdgeKind::Next && *entered == 1);
        match nodes.last_mut().filter(|_| goes_on) {
            Some(node) => node.blocks.push(block),
            None => nodes.push(Node { blocks: vec![block], layer: 0, x: 0.0, y: 0.0, height: 0.0 }),
        }
        of_block.push(nodes.len() - 1);
    }
    (nodes, of_block)
}

fn arrows(
    page: &Page<'_, '_>,
    listing: &Listing,
    code: &Code,
    graph: &Cfg,
    of_block: &[usize],
) -> Vec<Arrow> {
    let branches = heat::branches(page.report, listing.func);
    let mut found: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for edge in &graph.edges {
        let (from, to) = (of_block[edge.from.position()], of_block[edge.to.position()]);
        let is_inside = from == to && edge.to > edge.from;
        if !is_inside {
            *found.entry((from, to)).or_default() += taken(listing, code, edge, &branches);
        }
    }
    let arrow = |((from, to), count)| Arrow { from, to, count, is_back: to <= from };
    found.into_iter().map(arrow).collect()
}

/// How often an edge was taken. An edge of a branch was taken by its decisions, any other as often as its
/// block ran.
fn taken(
    listing: &Listing,
    code: &Code,
    edge: &crate::module::cfg::Edge,
    branches: &BTreeMap<u32, (u64, u64, &[u64])>,
) -> u64 {
    let ran = listing.blocks.get(edge.from.position()).copied().unwrap_or(0);
    let Some(block) = code.blocks().get(edge.from.position()) else { return 0 };
    let last = code.ops().get(block.range()).and_then(<[_]>::last);
    let way = last.and_then(|last| branches.get(&last.offset.0));
    match (edge.kind, way) {
        (EdgeKind::Taken | EdgeKind::Then, Some((taken, ..))) => *taken,
        (EdgeKind::NotTaken | EdgeKind::Else, Some((_, not_taken, _))) => *not_taken,
        (EdgeKind::Taken | EdgeKind::NotTaken | EdgeKind::Then | EdgeKind::Else, None) => 0,
        (EdgeKind::Table, Some((.., counts))) => {
            let Exit::BrTable(table) = block.exit else { return ran };
            let labels = code.tables().get(table as usize).map_or(&[][..], |table| code.labels(table));
            labels.iter().zip(*counts).filter(|(to, _)| **to == edge.to).map(|(_, count)| count).sum()
        }
        (EdgeKind::Next | EdgeKind::Jump, _) => ran,
        // How often it was thrown is not known.
        _ => 0,
    }
}

/// Gives every node its place: layers from top to bottom, in each the nodes below what leads to them.
fn lay_out(nodes: &mut [Node], arrows: &[Arrow], code: &Code) {
    for node in nodes.iter_mut() {
        node.height = LINE * (lines(node, code) as f64) + 8.0;
    }
    for arrow in arrows.iter().filter(|arrow| !arrow.is_back) {
        nodes[arrow.to].layer = nodes[arrow.to].layer.max(nodes[arrow.from].layer + 1);
    }
    let mut into: HashMap<usize, Vec<usize>> = HashMap::new();
    for arrow in arrows.iter().filter(|arrow| !arrow.is_back) {
        into.entry(arrow.to).or_default().push(arrow.from);
    }
    let layers = nodes.iter().map(|node| node.layer + 1).max().unwrap_or(0);
    let mut y = 10.0;
    for layer in 0..layers {
        let members: Vec<_> = (0..nodes.len()).filter(|&node| nodes[node].layer == layer).collect();
        place(nodes, &members, &into);
        for &member in &members {
            nodes[member].y = y;
        }
        y += members.iter().map(|&member| nodes[member].height).fold(0.0, f64::max) + GAP;
    }
    let left = nodes.iter().map(|node| node.x).fold(f64::INFINITY, f64::min);
    nodes.iter_mut().for_each(|node| node.x += WIDTH / 2.0 + 10.0 - left);
}

/// Places the nodes of a layer side by side, each as near as may be to the middle of what leads to it.
fn place(nodes: &mut [Node], members: &[usize], into: &HashMap<usize, Vec<usize>>) {
    let wish = |nodes: &[Node], member: usize| {
        let from = into.get(&member).map_or(&[][..], Vec::as_slice);
        if from.is_empty() {
            0.0
        } else {
            from.iter().map(|&node| nodes[node].x).sum::<f64>() / from.len() as f64
        }
    };
    let mut wishes: Vec<_> = members.iter().map(|&member| (wish(nodes, member), member)).collect();
    wishes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (mut last, mut off) = (f64::NEG_INFINITY, 0.0);
    for &(wish, member) in &wishes {
        last = wish.max(last + STEP);
        nodes[member].x = last;
        off += last - wish;
    }
    let off = off / wishes.len().max(1) as f64;
    wishes.iter().for_each(|&(_, member)| nodes[member].x -= off);
}

/// Lines in the box of a node.
fn lines(node: &Node, code: &Code) -> usize {
    1 + len(node, code).min(limits::CFG_OPS + 1)
}

fn len(node: &Node, code: &Code) -> usize {
    node.blocks.iter().filter_map(|&block| code.blocks().get(block)).map(|block| block.len as usize).sum()
}

fn draw(page: &Page<'_, '_>, listing: &Listing, code: &Code, nodes: &[Node], arrows: &[Arrow]) -> Markup {
    let right = nodes.iter().map(|node| node.x + WIDTH / 2.0).fold(0.0, f64::max);
    let bottom = nodes.iter().map(|node| node.y + node.height).fold(0.0, f64::max);
    let backs = arrows.iter().filter(|arrow| arrow.is_back).count().min(12) as f64;
    let (width, height) = (right + 30.0 + 14.0 * backs, bottom + 16.0);
    let most = arrows.iter().map(|arrow| arrow.count).max().unwrap_or(0);
    let label = format!(
        "Control flow of function {}: {} and {}",
        listing.func,
        plural(nodes.len() as u64, "block"),
        plural(arrows.len() as u64, "edge")
    );
    let mut lane = 0.0;
    let lanes = arrows.iter().map(|arrow| {
        lane += f64::from(u8::from(arrow.is_back));
        f64::min(lane, 12.0)
    });
    html! {
        div.scroll.drawing tabindex="0" role="region" aria-label=(label) {
            svg.cfg width=(px(width)) height=(px(height)) viewBox={ "0 0 " (px(width)) " " (px(height)) } role="img" aria-label=(label) {
                @for (arrow, lane) in arrows.iter().zip(lanes) {
                    (edge(nodes, arrow, most, right + 14.0 * lane))
                }
                @for node in nodes { (node_box(page, listing, code, node)) }
            }
        }
    }
}

/// A length in pixels.
fn px(length: f64) -> String {
    format!("{length:.0}")
}

fn edge(nodes: &[Node], arrow: &Arrow, most: u64, lane: f64) -> Markup {
    let (from, to) = (&nodes[arrow.from], &nodes[arrow.to]);
    let (x, y, to_x, to_y) = (from.x, from.y + from.height, to.x, to.y);
    let (path, label) = match arrow.is_back {
        true => (
            format!(
                "M{:.0} {:.0} C{lane:.0} {:.0} {lane:.0} {:.0} {:.0} {:.0}",
                x + WIDTH / 2.0,
                y - 8.0,
                y - 8.0,
                to_y + 8.0,
                to_x + WIDTH / 2.0 + 6.0,
                to_y + 8.0
            ),
            (lane - 10.0, (y + to_y) / 2.0),
        ),
        false => {
            let middle = (y + to_y) / 2.0;
            let path = format!(
                "M{x:.0} {y:.0} C{x:.0} {middle:.0} {to_x:.0} {middle:.0} {to_x:.0} {:.0}",
                to_y - 6.0
            );
            (path, (x + (to_x - x) * 0.3 + 3.0, y + 13.0))
        }
    };
    // By powers of ten, so that an edge that was taken once is seen beside one that was taken a million
    // times.
    let width = match (arrow.count, most) {
        (0, _) | (_, 0) => 1.0,
        (count, most) => 1.0 + 3.0 * (1.0 + count as f64).ln() / (1.0 + most as f64).ln(),
    };
    let class = match (arrow.count, arrow.is_back) {
        (0, _) => "edge never",
        (_, true) => "edge back",
        _ => "edge",
    };
    let tip = if arrow.is_back { (to_x + WIDTH / 2.0, to_y + 8.0) } else { (to_x, to_y) };
    html! {
        path class=(class) d=(path) stroke-width=(format!("{width:.1}")) {}
        path class={ (class) " tip" } d=(tip_of(tip, arrow.is_back)) {}
        @if arrow.count > 0 {
            text.count x=(px(label.0)) y=(px(label.1)) { (grouped(arrow.count)) }
        }
    }
}

fn tip_of((x, y): (f64, f64), is_back: bool) -> String {
    match is_back {
        true => format!("M{x:.0} {y:.0} l8 -4 l0 8 z"),
        false => format!("M{x:.0} {y:.0} l-4 -8 l8 0 z"),
    }
}

fn node_box(page: &Page<'_, '_>, listing: &Listing, code: &Code, node: &Node) -> Markup {
    let first = node.blocks.first().copied().unwrap_or(0);
    let count = listing.blocks.get(first).copied().unwrap_or(0);
    let executed = count.saturating_mul(len(node, code) as u64);
    let ops: Vec<_> = node
        .blocks
        .iter()
        .filter_map(|&block| code.ops().get(code.blocks().get(block)?.range()))
        .flatten()
        .collect();
    let shown = ops.iter().take(limits::CFG_OPS);
    let texts: Vec<_> =
        shown.map(|op| listing.texts.get(&op.offset).map_or("", |text| text.as_str())).collect();
    let at = ops.first().map_or_else(String::new, |op| format!("{:#x}  ", op.offset.0));
    let title = if count > 0 { format!("{at}× {}", grouped(count)) } else { format!("{at}never ran") };
    let more = ops.len().saturating_sub(limits::CFG_OPS);
    let (x, y) = (node.x - WIDTH / 2.0, node.y);
    html! {
        g class={ "node " (heat::class(executed, page.total())) } {
            rect x=(px(x)) y=(px(y)) width=(px(WIDTH)) height=(px(node.height)) rx="3" {}
            text.head x=(px(x + 6.0)) y=(px(y + 14.0)) { (title) }
            @for (line, text) in texts.iter().enumerate() {
                text x=(px(x + 6.0)) y=(px(y + 14.0 + LINE * (line + 1) as f64)) { (cut(text, 27)) }
            }
            @if more > 0 {
                text.more x=(px(x + 6.0)) y=(px(y + 14.0 + LINE * (texts.len() + 1) as f64)) {
                    "and " (plural(more as u64, "more instruction"))
                }
            }
        }
    }
}
