//! Disjoint sets of samples.

use std::cmp::Reverse;

use super::Groups;

/// Disjoint sets of places; the least one stands for its set.
pub(super) struct Sets {
    parents: Vec<u32>,
}

impl Sets {
    pub(super) fn new(len: usize) -> Self {
        // A batch has fewer, see `Index::groups`.
        Self { parents: (0..u32::try_from(len).unwrap_or(u32::MAX)).collect() }
    }

    pub(super) fn find(&mut self, at: u32) -> u32 {
        let mut at = at;
        while let Some(&parent) = self.parents.get(at as usize).filter(|&&parent| parent != at) {
            // Halving the way keeps it short.
            let above = self.parents.get(parent as usize).copied().unwrap_or(parent);
            self.parents[at as usize] = above;
            at = above;
        }
        at
    }

    pub(super) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        let (least, other) = (a.min(b), a.max(b));
        if let Some(parent) = self.parents.get_mut(other as usize) {
            *parent = least;
        }
    }

    /// The sets of more than one, the largest first, then by their least.
    pub(super) fn groups(mut self) -> Groups {
        let places = 0..self.parents.len() as u32;
        let mut sizes = vec![0u32; self.parents.len()];
        for at in places.clone() {
            let root = self.find(at);
            if let Some(size) = sizes.get_mut(root as usize) {
                *size += 1;
            }
        }
        let mut of = |at: u32| {
            let root = self.find(at);
            (root, sizes.get(root as usize).copied().unwrap_or(0))
        };
        let mut members: Vec<u32> = places.filter(|&at| of(at).1 > 1).collect();
        members.sort_by_cached_key(|&at| {
            let (root, size) = of(at);
            (Reverse(size), root, at)
        });
        let mut ends = Vec::new();
        let mut end = 0;
        while let Some(&first) = members.get(end as usize) {
            end += of(first).1;
            ends.push(end);
        }
        Groups { members, ends }
    }
}
