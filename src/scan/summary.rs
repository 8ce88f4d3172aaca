//! How far a scan is, and what it adds up to.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64},
};

use serde::Serialize;

use super::limits::SLOWEST;
use super::{
    confine::Confinement,
    rows::{self, Failure},
};

/// How far a scan is, to be shown.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Files and members found up to now.
    pub found: AtomicU64,
    /// Of these, those that are dealt with.
    pub done: AtomicU64,
    /// Failures.
    pub failures: AtomicU64,
    /// Whether `found` has all files; members of archives still come to it.
    pub is_counted: AtomicBool,
    /// Files that are looked into now, so that more members may come to `found`.
    pub unpacking: AtomicU64,
}

/// A sample that took long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Slow {
    /// Milliseconds.
    pub time_ms: u64,
    /// Where it was found.
    pub place: String,
}

/// What a scan adds up to. It has the finds of an earlier part of the scan, too.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Distinct samples.
    pub samples: u64,
    /// Of these, those that an earlier part had done.
    pub resumed: u64,
    /// Places where a sample was found.
    pub places: u64,
    /// Files in which there was no module.
    pub without_module: u64,
    /// Verdict → samples.
    pub verdicts: BTreeMap<String, u64>,
    /// Family → samples.
    pub families: BTreeMap<String, u64>,
    /// Kind → failures, of samples and of places.
    pub failures: BTreeMap<&'static str, u64>,
    /// The samples that took longest.
    pub slowest: Vec<Slow>,
    /// What workers were confined by; `None` if none was started.
    pub confinement: Option<Confinement>,
    /// Whether the scan was interrupted.
    pub interrupted: bool,
}

impl Summary {
    /// Adds a sample.
    pub fn add_sample(&mut self, sample: &rows::SampleRow) {
        self.samples += 1;
        if let Some(verdict) = &sample.verdict {
            *self.verdicts.entry(verdict.clone()).or_default() += 1;
        }
        if let Some(family) = &sample.family {
            *self.families.entry(family.clone()).or_default() += 1;
        }
        self.add_failure(sample.failure.as_ref());
        self.slowest.push(Slow { time_ms: sample.time_ms, place: sample.origin.to_string() });
        self.slowest.sort_by(|a, b| b.cmp(a));
        self.slowest.truncate(SLOWEST);
    }

    /// Adds a place.
    pub fn add_path(&mut self, path: &rows::Path) {
        self.places += u64::from(path.sha256.is_some());
        self.add_failure(path.failure.as_ref());
    }

    fn add_failure(&mut self, failure: Option<&Failure>) {
        if let Some(failure) = failure {
            *self.failures.entry(failure.kind.name()).or_default() += 1;
        }
    }
}
