//! Groups of similar samples: the same imports, similar code, similar behaviour.
//!
//! Imports are compared by their hash. Sketches are compared by locality-sensitive hashing (P. Indyk, R.
//! Motwani, STOC 1998; for sketches of sets J. Leskovec, A. Rajaraman, J. Ullman, *Mining of Massive
//! Datasets*, chapter 3): 42 bands of 3 numbers, and samples that agree in a band are compared. Two samples
//! of similarity s meet with probability 1 − (1 − s³)⁴²: 0.94 at 0.4, 0.996 at 0.5. In each bucket a sample
//! is compared with the first 8 that are not yet in its group, so the work grows with the number of samples
//! and not its square. Groups are joined by any pair that reaches the threshold (single linkage).
//!
//! Memory: half a kilobyte a sample. Not here: what sketches are made of ([`super::features`]).

use std::collections::HashMap;

pub use super::rows::{ClusterKind, ClusterRow};

use super::limits::LEADERS;
use super::{
    rows,
    sketch::{BINS, Sketch, mix},
    store::parse_sha256,
};

/// Numbers in a band.
const BAND: usize = 3;

/// Samples, as far as they can be compared.
#[derive(Debug, Default)]
pub struct Index {
    samples: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    sha256: [u8; 32],
    imports: Option<u64>,
    code: Option<Box<Sketch>>,
    behaviour: Option<Box<Sketch>>,
}

impl Index {
    /// Adds a sample.
    pub fn add(&mut self, sample: &rows::SampleRow) {
        let Some(sha256) = parse_sha256(&sample.sha256) else { return };
        let sketch = |text: &Option<String>| text.as_deref().and_then(Sketch::parse).map(Box::new);
        let imports =
            sample.imphash.as_deref().and_then(|hash| u64::from_str_radix(hash.get(..16)?, 16).ok());
        let entry = Entry {
            sha256,
            imports,
            code: sketch(&sample.code_sketch),
            behaviour: sketch(&sample.behaviour_sketch),
        };
        if entry.imports.is_some() || entry.code.is_some() || entry.behaviour.is_some() {
            self.samples.push(entry);
        }
    }

    /// The groups of each kind, the largest first. Does not depend on the order in which samples were added.
    pub fn rows(&mut self) -> Vec<ClusterRow> {
        self.samples.sort_by_key(|entry| entry.sha256);
        ClusterKind::ALL.into_iter().flat_map(|kind| self.groups(kind)).collect()
    }

    fn groups(&self, kind: ClusterKind) -> Vec<ClusterRow> {
        let mut sets = Sets::new(self.samples.len());
        match kind {
            ClusterKind::Imports => self.join_equal(&mut sets),
            ClusterKind::Code => self.join_similar(&mut sets, kind, |entry| entry.code.as_deref()),
            ClusterKind::Behaviour => self.join_similar(&mut sets, kind, |entry| entry.behaviour.as_deref()),
        }
        let name =
            |at: usize| self.samples.get(at).map(|entry| crate::hex::hex(&entry.sha256)).unwrap_or_default();
        let rows = sets.groups(self.samples.len()).into_iter().flat_map(|group| {
            let (cluster, size) = (group.first().map(|&at| name(at)).unwrap_or_default(), group.len() as u64);
            group.into_iter().map(move |at| ClusterRow {
                kind,
                cluster: cluster.clone(),
                size,
                sha256: name(at),
            })
        });
        rows.collect()
    }

    fn join_equal(&self, sets: &mut Sets) {
        let mut first = HashMap::new();
        for (at, entry) in self.samples.iter().enumerate() {
            if let Some(imports) = entry.imports {
                let other = *first.entry(imports).or_insert(at);
                sets.join(other, at);
            }
        }
    }

    fn join_similar<'a>(
        &'a self,
        sets: &mut Sets,
        kind: ClusterKind,
        sketch: impl Fn(&'a Entry) -> Option<&'a Sketch>,
    ) {
        for band in 0..BINS / BAND {
            let mut buckets: HashMap<u64, Vec<usize>> = HashMap::new();
            for (at, entry) in self.samples.iter().enumerate() {
                let Some(own) = sketch(entry) else { continue };
                let numbers = own.0.iter().skip(band * BAND).take(BAND);
                let key = numbers.fold(0, |sum, &number| mix(sum ^ u64::from(number)));
                let leaders = buckets.entry(key).or_default();
                for &leader in leaders.iter() {
                    let other = self.samples.get(leader).and_then(&sketch);
                    if sets.find(leader) != sets.find(at)
                        && other.is_some_and(|other| other.similarity(own) >= kind.threshold())
                    {
                        sets.join(leader, at);
                    }
                }
                let own_set = sets.find(at);
                if leaders.len() < LEADERS && leaders.iter().all(|&leader| sets.find(leader) != own_set) {
                    leaders.push(at);
                }
            }
        }
    }
}

/// Disjoint sets of positions; the least one stands for its set.
struct Sets {
    parents: Vec<usize>,
}

impl Sets {
    fn new(len: usize) -> Self {
        Self { parents: (0..len).collect() }
    }

    fn find(&mut self, at: usize) -> usize {
        let mut at = at;
        while let Some(&parent) = self.parents.get(at).filter(|&&parent| parent != at) {
            // Halving the way keeps it short.
            let above = self.parents.get(parent).copied().unwrap_or(parent);
            self.parents[at] = above;
            at = above;
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        let (least, other) = (a.min(b), a.max(b));
        if let Some(parent) = self.parents.get_mut(other) {
            *parent = least;
        }
    }

    /// The sets of more than one, the largest first.
    fn groups(mut self, len: usize) -> Vec<Vec<usize>> {
        let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
        for at in 0..len {
            members.entry(self.find(at)).or_default().push(at);
        }
        let mut groups: Vec<_> = members.into_values().filter(|group| group.len() > 1).collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group.first().copied()));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::sketch::Builder;

    fn sample(number: u64, family: u64, shared: u64, own: u64) -> rows::SampleRow {
        let mut builder = Builder::default();
        (0..shared).for_each(|element| builder.add(mix(family) ^ element));
        (0..own).for_each(|element| builder.add(mix(number ^ 0xffff_0000) ^ element));
        rows::SampleRow {
            sha256: format!("{number:064x}"),
            imphash: Some(format!("{family:032x}").chars().rev().collect()),
            code_sketch: builder.finish(1).map(|sketch| sketch.to_hex()),
            ..rows::SampleRow::default()
        }
    }

    #[test]
    fn families_are_found_and_strangers_are_not() {
        let mut index = Index::default();
        let families = 40;
        // Similarity within a family: 900 / 1100.
        (0..400).for_each(|number| index.add(&sample(number, number % families, 900, 100)));
        (400..500).for_each(|number| index.add(&sample(number, number, 10, 1000)));
        let rows = index.rows();
        let code: Vec<_> = rows.iter().filter(|row| row.kind == ClusterKind::Code).collect();
        assert_eq!(code.len(), 400);
        assert!(code.iter().all(|row| row.size == 10), "{:?}", code.first());
        let imports = rows.iter().filter(|row| row.kind == ClusterKind::Imports && row.size == 10).count();
        assert_eq!(imports, 400);
    }

    #[test]
    fn the_order_of_samples_does_not_count() {
        let rows = |numbers: &mut dyn Iterator<Item = u64>| {
            let mut index = Index::default();
            numbers.for_each(|number| index.add(&sample(number, number % 5, 500, 100)));
            index.rows()
        };
        assert_eq!(rows(&mut (0..50)), rows(&mut (0..50).rev()));
    }

    #[test]
    fn work_does_not_grow_with_the_square() {
        let mut index = Index::default();
        // All pairs would be 400 million comparisons: minutes, and nextest ends the test.
        (0..5000).for_each(|number| index.add(&sample(number, 1, 200, 5)));
        assert_eq!(
            index.rows().iter().filter(|row| row.kind == ClusterKind::Code && row.size == 5000).count(),
            5000
        );
    }
}
