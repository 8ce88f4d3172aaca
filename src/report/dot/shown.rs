//! The part of a graph that is drawn: all of it, its hottest functions, or the functions around one. The rest
//! is folded into a node for those that ran, one for those that never did, and one for imports: nothing is
//! lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    module::FuncIndex,
    text::{grouped, plural},
};

/// What of a graph is drawn, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown {
    /// Colour of executed functions by their share of the run, width of edges by how often they were taken.
    pub heat: bool,
    /// The hottest functions, so many, and the imports that they call, so many; all if absent.
    pub top: Option<usize>,
    /// A function and what lies within so many calls of it, to and from; everything if absent.
    pub around: Option<(FuncIndex, u32)>,
}

/// A function, or where it is folded away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    Func(FuncIndex),
    /// Others that were executed.
    Ran,
    /// Others that never were.
    Never,
    /// Other imports.
    Imports,
}

impl Node {
    pub(super) fn id(self) -> String {
        match self {
            Self::Func(func) => format!("f{func}"),
            Self::Ran => "others".to_owned(),
            Self::Never => "never".to_owned(),
            Self::Imports => "imports".to_owned(),
        }
    }
}

/// A function of a graph.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weight {
    /// What the hottest are chosen by; 0 for what never ran.
    pub(super) heat: u64,
    pub(super) is_import: bool,
}

/// The functions that are drawn.
pub(super) struct Selection {
    weights: BTreeMap<FuncIndex, Weight>,
    /// `None` if all are.
    kept: Option<BTreeSet<FuncIndex>>,
    pub(super) note: Option<String>,
}

impl Selection {
    /// Chooses among functions, whose calls are `edges`.
    pub(super) fn of(
        shown: Shown,
        weights: BTreeMap<FuncIndex, Weight>,
        edges: &[(FuncIndex, FuncIndex)],
    ) -> Self {
        if shown.top.is_none() && shown.around.is_none() {
            return Self { weights, kept: None, note: None };
        }
        let near = match shown.around {
            Some((func, depth)) => around(func, depth, edges),
            None => weights.keys().copied().collect(),
        };
        let kept = match shown.top {
            Some(top) => hottest(top, shown.around.map(|(func, _)| func), &near, &weights, edges),
            None => near,
        };
        let of = weights.len() as u64;
        let drawn = kept.iter().filter(|func| weights.contains_key(func)).count() as u64;
        let around = shown
            .around
            .map(|(func, depth)| format!(" within {} of func {func}", plural(depth.into(), "call")));
        let hottest = if shown.top.is_some() { ", the hottest" } else { "" };
        let note = format!(
            "drawn: {} of {}{}{hottest}; the others are folded",
            grouped(drawn),
            plural(of, "function"),
            around.unwrap_or_default(),
        );
        Self { weights, kept: Some(kept), note: Some(note) }
    }

    pub(super) fn node(&self, func: FuncIndex) -> Node {
        if self.kept.as_ref().is_none_or(|kept| kept.contains(&func)) {
            return Node::Func(func);
        }
        match self.weights.get(&func) {
            Some(Weight { is_import: true, .. }) => Node::Imports,
            Some(Weight { heat: 1.., .. }) => Node::Ran,
            _ => Node::Never,
        }
    }

    /// The nodes of what is folded: how many functions, and how hot they are together.
    pub(super) fn folded(&self) -> BTreeMap<Node, (u64, u64)> {
        let mut folded = BTreeMap::new();
        for (&func, weight) in &self.weights {
            let node = self.node(func);
            if !matches!(node, Node::Func(_)) {
                let (count, heat) = folded.entry(node).or_insert((0u64, 0u64));
                *count += 1;
                *heat = heat.saturating_add(weight.heat);
            }
        }
        folded
    }
}

/// The functions within so many calls of one, to and from.
fn around(func: FuncIndex, depth: u32, edges: &[(FuncIndex, FuncIndex)]) -> BTreeSet<FuncIndex> {
    let mut next: BTreeMap<FuncIndex, Vec<FuncIndex>> = BTreeMap::new();
    for &(caller, callee) in edges {
        next.entry(caller).or_default().push(callee);
        next.entry(callee).or_default().push(caller);
    }
    let mut found = BTreeSet::from([func]);
    let mut queue = VecDeque::from([(func, 0)]);
    while let Some((func, away)) = queue.pop_front() {
        if away == depth {
            continue;
        }
        for &other in next.get(&func).into_iter().flatten() {
            if found.insert(other) {
                queue.push_back((other, away + 1));
            }
        }
    }
    found
}

/// The hottest functions among `near`, and of the imports that they call the most used.
fn hottest(
    top: usize,
    always: Option<FuncIndex>,
    near: &BTreeSet<FuncIndex>,
    weights: &BTreeMap<FuncIndex, Weight>,
    edges: &[(FuncIndex, FuncIndex)],
) -> BTreeSet<FuncIndex> {
    let heat = |func: &FuncIndex| std::cmp::Reverse(weights.get(func).map_or(0, |weight| weight.heat));
    let is_import = |func: &FuncIndex| weights.get(func).is_some_and(|weight| weight.is_import);
    let first = |mut funcs: Vec<FuncIndex>| {
        funcs.sort_by_key(|func| (heat(func), *func));
        funcs.truncate(top);
        funcs
    };
    let functions = first(near.iter().copied().filter(|func| !is_import(func)).collect());
    let mut kept: BTreeSet<_> = always.into_iter().chain(functions).collect();
    let called = edges.iter().filter(|(caller, callee)| kept.contains(caller) && is_import(callee));
    let called: BTreeSet<_> =
        called.map(|(_, callee)| *callee).filter(|callee| near.contains(callee)).collect();
    kept.extend(first(called.into_iter().collect()));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(shown: Shown) -> Vec<u32> {
        let edges = [(1, 2), (2, 3), (3, 0), (4, 3), (5, 0)].map(|(a, b)| (FuncIndex(a), FuncIndex(b)));
        let weight = |func: u32, heat| (FuncIndex(func), Weight { heat, is_import: func == 0 });
        let weights = [(0, 9), (1, 5), (2, 1), (3, 7), (4, 0), (5, 3)].map(|(func, heat)| weight(func, heat));
        let chosen = Selection::of(shown, weights.into_iter().collect(), &edges);
        let folded: u64 = chosen.folded().values().map(|(count, _)| count).sum();
        let kept: Vec<_> =
            (0..6).filter(|&func| chosen.node(FuncIndex(func)) == Node::Func(FuncIndex(func))).collect();
        assert_eq!(folded, 6 - kept.len() as u64, "what is not drawn is folded");
        kept
    }

    #[test]
    fn the_hottest_and_the_nearest_are_drawn() {
        let around = |func, depth| Some((FuncIndex(func), depth));
        for (shown, expected) in [
            (Shown::default(), &[0, 1, 2, 3, 4, 5][..]),
            (Shown { top: Some(2), ..Shown::default() }, &[0, 1, 3]),
            (Shown { top: Some(0), ..Shown::default() }, &[]),
            (Shown { around: around(2, 1), ..Shown::default() }, &[1, 2, 3]),
            (Shown { around: around(2, 2), ..Shown::default() }, &[0, 1, 2, 3, 4]),
            (Shown { around: around(2, 2), top: Some(1), ..Shown::default() }, &[0, 2, 3]),
            (Shown { around: around(9, 3), ..Shown::default() }, &[]),
        ] {
            assert_eq!(selection(shown), expected, "{shown:?}");
        }
    }
}
