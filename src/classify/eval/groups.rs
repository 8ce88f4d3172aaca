//! Samples that are as good as the same: groups that a fair split does not tear apart, and how much of a test
//! set stands in the training set.
//!
//! Two samples are *exact* duplicates if they made the same calls in the same order. They are *near*
//! duplicates, one group, if the calls are the same once each run of repeated calls counts as one call. They
//! are, too, if at least [`SIMILAR`] of the call n-grams (1 to 3) of either are shared (Jaccard). Both hold
//! by way of a third sample as well.

use std::collections::{BTreeSet, HashMap};

use super::super::Example;
pub use super::limits::MAX_COMPARED;
use super::limits::MAX_LEN;

/// Share of n-grams from which on two sequences are near duplicates.
pub const SIMILAR: f64 = 0.8;

/// The group of each sample.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Groups {
    /// For each sample, its group, numbered from 0 by first appearance.
    pub of: Vec<usize>,
    /// For each sample, which exact sequence it has, numbered likewise.
    pub exact: Vec<usize>,
    /// How many groups there are.
    pub count: usize,
    /// How many different sequences there are.
    pub distinct: usize,
    /// Sequences that were not compared by n-grams.
    pub not_compared: usize,
}

impl Groups {
    /// Groups samples by their calls.
    pub fn of(samples: &[Example]) -> Self {
        let (exact, distinct) = number(samples.iter().map(|sample| &sample.calls));
        let collapsed: Vec<Vec<&str>> = samples.iter().map(collapse).collect();
        let (shape, shapes) = number(collapsed.iter().cloned());
        let mut first = vec![0; shapes];
        for (sample, &shape) in shape.iter().enumerate().rev() {
            first[shape] = sample;
        }
        let compared = shapes.min(MAX_COMPARED);
        let grams: Vec<BTreeSet<&[&str]>> = first[..compared]
            .iter()
            .map(|&sample| ngrams(&collapsed[sample][..collapsed[sample].len().min(MAX_LEN)]))
            .collect();
        let mut parent: Vec<usize> = (0..shapes).collect();
        for a in 0..compared {
            for b in 0..a {
                if root(&mut parent, a) != root(&mut parent, b) && is_similar(&grams[a], &grams[b]) {
                    let (a, b) = (root(&mut parent, a), root(&mut parent, b));
                    parent[a.max(b)] = a.min(b);
                }
            }
        }
        let (of, count) = number(shape.iter().map(|&shape| root(&mut parent, shape)));
        Self { of, exact, count, distinct, not_compared: shapes - compared }
    }
}

/// Numbers keys by first appearance.
fn number<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> (Vec<usize>, usize) {
    let mut known: HashMap<K, usize> = HashMap::new();
    let numbers = keys
        .map(|key| {
            let next = known.len();
            *known.entry(key).or_insert(next)
        })
        .collect();
    (numbers, known.len())
}

fn collapse(sample: &Example) -> Vec<&str> {
    let mut calls: Vec<&str> = sample.calls.iter().map(String::as_str).collect();
    calls.dedup();
    calls
}

fn ngrams<'a>(calls: &'a [&'a str]) -> BTreeSet<&'a [&'a str]> {
    (1..=3).flat_map(|n| calls.windows(n)).collect()
}

fn is_similar(a: &BTreeSet<&[&str]>, b: &BTreeSet<&[&str]>) -> bool {
    let (less, more) = (a.len().min(b.len()) as f64, a.len().max(b.len()) as f64);
    // The sizes alone often say no.
    if less < SIMILAR * more {
        return false;
    }
    let shared = a.intersection(b).count() as f64;
    shared >= SIMILAR * (less + more - shared)
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(calls: &str) -> Example {
        let calls = calls.chars().map(String::from).collect();
        Example { name: String::new(), malicious: false, origin: String::new(), calls, trace: None }
    }

    #[test]
    fn near_duplicates_are_one_group() {
        // The same, repeated; one call more at the end of a long sequence; something else; nothing, twice.
        let samples = ["abc", "abbbc", "abcdefghijkl", "abcdefghijklm", "xyz", "", ""].map(sample);
        let groups = Groups::of(&samples);
        assert_eq!(groups.of, [0, 0, 1, 1, 2, 3, 3]);
        assert_eq!(groups.exact, [0, 1, 2, 3, 4, 5, 5]);
        assert_eq!((groups.count, groups.distinct, groups.not_compared), (4, 6, 0));
    }

    #[test]
    fn groups_reach_by_way_of_others() {
        let long: String = ('a'..='t').collect();
        let samples = [long.clone(), format!("{long}u"), format!("{long}uv"), format!("{long}uvw")]
            .map(|calls| sample(&calls));
        assert_eq!(Groups::of(&samples).count, 1);
    }
}
