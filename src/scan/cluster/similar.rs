//! Similar sketches, found by locality-sensitive hashing (P. Indyk, R. Motwani, STOC 1998; for sketches of
//! sets J. Leskovec, A. Rajaraman, J. Ullman, *Mining of Massive Datasets*, chapter 3): 42 bands of 3
//! numbers, and samples that agree in a band are compared. Two samples of similarity s meet with probability
//! 1 − (1 − s³)⁴²: 0.94 at 0.4, 0.996 at 0.5.
//!
//! Those that agree in a band are found by sorting. In each bucket a sample is compared with the first 8 that
//! are not yet in its group. So n samples take a time of n log n, whatever they are.

use super::super::{
    limits::LEADERS,
    sketch::{BINS, Sketch, mix},
};
use super::sets::Sets;

/// Numbers in a band.
const BAND: usize = 3;
/// In no bucket with another.
const ALONE: u32 = u32::MAX;

/// The sketches of one kind.
pub(super) struct Sketches {
    /// Samples, in order, and what is compared of them.
    all: Vec<(u32, Sketch)>,
}

/// Those of a bucket that others are compared with: numbers of sketches.
#[derive(Clone, Copy, Default)]
struct Leaders {
    len: u8,
    numbers: [u32; LEADERS],
}

impl Leaders {
    fn get(&self) -> &[u32] {
        self.numbers.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn push(&mut self, number: u32) {
        if let Some(slot) = self.numbers.get_mut(usize::from(self.len)) {
            *slot = number;
            self.len += 1;
        }
    }
}

impl Sketches {
    pub(super) fn with_capacity(len: usize) -> Self {
        Self { all: Vec::with_capacity(len) }
    }

    pub(super) fn push(&mut self, sample: u32, sketch: Sketch) {
        self.all.push((sample, sketch));
    }

    /// Joins the sets of all samples that are found to be similar.
    pub(super) fn join(mut self, sets: &mut Sets, threshold: f64) {
        self.all.sort_unstable_by_key(|(sample, _)| *sample);
        let mut keys = Vec::with_capacity(self.all.len());
        let mut buckets = vec![ALONE; self.all.len()];
        let mut leaders = Vec::new();
        for band in 0..BINS / BAND {
            let count = self.buckets(band, &mut keys, &mut buckets);
            leaders.clear();
            leaders.resize(count, Leaders::default());
            self.join_band(sets, threshold, &buckets, &mut leaders);
        }
    }

    /// Finds the sketches that agree in a band, and numbers the buckets that they are in; gives how many.
    fn buckets(&self, band: usize, keys: &mut Vec<(u64, u32)>, buckets: &mut [u32]) -> usize {
        keys.clear();
        keys.extend((0u32..).zip(&self.all).map(|(number, (_, sketch))| {
            let numbers = sketch.0.iter().skip(band * BAND).take(BAND);
            (numbers.fold(0, |sum, &number| mix(sum ^ u64::from(number))), number)
        }));
        keys.sort_unstable();
        let mut count = 0;
        for same in keys.chunk_by(|a, b| a.0 == b.0) {
            let bucket = if same.len() > 1 { count } else { ALONE };
            count += u32::from(same.len() > 1);
            for (_, number) in same {
                if let Some(slot) = buckets.get_mut(*number as usize) {
                    *slot = bucket;
                }
            }
        }
        count as usize
    }

    fn join_band(&self, sets: &mut Sets, threshold: f64, buckets: &[u32], leaders: &mut [Leaders]) {
        for ((number, (sample, own)), &bucket) in (0u32..).zip(&self.all).zip(buckets) {
            let Some(leaders) = leaders.get_mut(bucket as usize) else { continue };
            for &leader in leaders.get() {
                let Some((other, sketch)) = self.all.get(leader as usize) else { continue };
                if sets.find(*other) != sets.find(*sample) && sketch.similarity(own) >= threshold {
                    sets.join(*other, *sample);
                }
            }
            let own_set = sets.find(*sample);
            let is_new = |leader: &u32| {
                self.all.get(*leader as usize).is_none_or(|(other, _)| sets.find(*other) != own_set)
            };
            if leaders.get().iter().all(is_new) {
                leaders.push(number);
            }
        }
    }
}
