//! The greatest of many, in memory for a few.

use std::cmp::Reverse;

/// Keeps the items with the greatest weights, and counts the others. Of equal weights the smaller item comes
/// first.
#[derive(Debug, Clone)]
pub(super) struct Top<T> {
    kept: Vec<(Reverse<u64>, T)>,
    max: usize,
    /// Items, and the sum of their weights.
    all: (u64, u64),
}

/// Items by weight, how many are not among them, and what those weigh together.
#[derive(Debug)]
pub(super) struct Ranked<T> {
    pub(super) items: Vec<(u64, T)>,
    pub(super) cut: u64,
    pub(super) cut_weight: u64,
}

impl<T> Default for Ranked<T> {
    fn default() -> Self {
        Self { items: Vec::new(), cut: 0, cut_weight: 0 }
    }
}

impl<T: Copy + Ord> Top<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { kept: Vec::new(), max, all: (0, 0) }
    }

    /// Adds an item; one without weight does not count.
    #[inline]
    pub(super) fn push(&mut self, weight: u64, item: T) {
        if weight == 0 {
            return;
        }
        self.all = (self.all.0 + 1, self.all.1.saturating_add(weight));
        if self.max == 0 {
            return;
        }
        self.kept.push((Reverse(weight), item));
        if self.kept.len() > 4 * self.max {
            self.trim();
        }
    }

    fn trim(&mut self) {
        self.kept.sort_unstable();
        self.kept.truncate(self.max);
    }

    pub(super) fn finish(mut self) -> Ranked<T> {
        self.trim();
        // A module can have a million of these lists: no room that is not used.
        self.kept.shrink_to_fit();
        let items: Vec<_> = self.kept.into_iter().map(|(Reverse(weight), item)| (weight, item)).collect();
        let weight = items.iter().map(|(weight, _)| *weight).fold(0, u64::saturating_add);
        Ranked { cut: self.all.0 - items.len() as u64, cut_weight: self.all.1.saturating_sub(weight), items }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_are_kept_and_the_rest_is_counted() {
        let mut top = Top::new(3);
        for item in 0..100u32 {
            top.push(u64::from(item % 50), item);
        }
        let ranked = top.finish();
        assert_eq!(ranked.items, [(49, 49), (49, 99), (48, 48)]);
        assert_eq!((ranked.cut, ranked.cut_weight), (95, 2 * (49 * 50 / 2) - 49 - 49 - 48));
    }
}
