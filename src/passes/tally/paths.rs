//! Sequences of three functions entered one after another, counted in bounded memory.
//!
//! PERF: a small direct-mapped cache takes the sequences of loops, which come again at once. Only sequences
//! that it throws out go into the map.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::State;
use super::limits::{MAX_PATHS, PATH_SLOTS};

type Path = [State; 3];

/// Counts sequences.
#[derive(Debug)]
pub(super) struct Paths {
    last: [State; 2],
    cache: Box<[(Path, u64)]>,
    counts: HashMap<Path, u64>,
    /// Sequences that found no place, each as often as it came.
    cut: u64,
}

impl Default for Paths {
    fn default() -> Self {
        let cache = vec![([State::NONE; 3], 0); PATH_SLOTS].into();
        Self { last: [State::NONE; 2], cache, counts: HashMap::new(), cut: 0 }
    }
}

impl Paths {
    /// The next calls have nothing to do with those before.
    pub(super) fn restart(&mut self) {
        self.last = [State::NONE; 2];
    }

    /// A function is entered.
    #[inline]
    pub(super) fn step(&mut self, state: State) {
        let path = [self.last[0], self.last[1], state];
        self.last = [self.last[1], state];
        if path[0] == State::NONE {
            return;
        }
        let slot = slot_of(path);
        match &mut self.cache[slot] {
            (cached, count) if *cached == path => *count += 1,
            _ => self.replace(slot, path),
        }
    }

    #[cold]
    fn replace(&mut self, slot: usize, path: Path) {
        let (old, count) = std::mem::replace(&mut self.cache[slot], (path, 1));
        self.keep(old, count);
    }

    fn keep(&mut self, path: Path, count: u64) {
        let is_full = self.counts.len() >= MAX_PATHS;
        match self.counts.get_mut(&path) {
            Some(kept) => *kept += count,
            None if count == 0 => {}
            None if is_full => self.cut += count,
            None => {
                self.counts.insert(path, count);
            }
        }
    }

    /// All that were kept, and how many were not.
    pub(super) fn finish(mut self) -> (BTreeMap<Path, u64>, u64) {
        for slot in 0..PATH_SLOTS {
            let (path, count) = std::mem::replace(&mut self.cache[slot], ([State::NONE; 3], 0));
            self.keep(path, count);
        }
        (self.counts.into_iter().collect(), self.cut)
    }
}

fn slot_of([a, b, c]: Path) -> usize {
    let mixed = a.0.wrapping_mul(0x9e37_79b1)
        ^ b.0.wrapping_mul(0x85eb_ca77).rotate_left(11)
        ^ c.0.wrapping_mul(0xc2b2_ae3d);
    (mixed >> 16) as usize % PATH_SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(sequence: impl IntoIterator<Item = u32>) -> (BTreeMap<Path, u64>, u64) {
        let mut paths = Paths::default();
        sequence.into_iter().for_each(|state| paths.step(State(state)));
        paths.finish()
    }

    #[test]
    fn sequences_are_counted_through_the_cache() {
        let (counts, cut) = counted([1, 2, 3, 1, 2, 3, 1]);
        let expected =
            [([1, 2, 3], 2), ([2, 3, 1], 2), ([3, 1, 2], 1)].map(|(path, count)| (path.map(State), count));
        assert_eq!((counts, cut), (expected.into(), 0));
        assert_eq!(counted([1, 2]), (BTreeMap::new(), 0));
    }

    #[test]
    fn nothing_is_lost_when_there_are_too_many() {
        let steps = 3 * MAX_PATHS as u32;
        let (counts, cut) = counted(0..steps);
        assert_eq!(counts.len(), MAX_PATHS);
        assert_eq!(counts.values().sum::<u64>() + cut, u64::from(steps) - 2);
    }

    #[test]
    fn a_restart_joins_nothing() {
        let mut paths = Paths::default();
        [1, 2].into_iter().for_each(|state| paths.step(State(state)));
        paths.restart();
        [3, 4, 5].into_iter().for_each(|state| paths.step(State(state)));
        assert_eq!(paths.finish().0, [([3, 4, 5].map(State), 1)].into());
    }
}
