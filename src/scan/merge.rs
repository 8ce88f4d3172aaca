//! Several scans as one: the parts that machines made, or scans of feeds that overlap.
//!
//! The order of the result does not depend on how the work was shared: samples come by hash, places by
//! [`key`]. So the tables of two parts equal those of one scan of everything that was merged alone, but for
//! `time_ms`. In memory are 176 bytes for each sample and 48 for each place of all folders, no rows. They are
//! in one piece each, so that it is given back before groups are made ([`super::cluster`]).

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    cluster::Index,
    rows,
    store::{Settings, Store, StoreError, TABLES, key, parse_sha256},
    summary::Summary,
};

/// Tables with rows that belong to a sample, after `samples` and `paths`.
const DETAILS: usize = TABLES.len() - 2;

/// Bytes of a table.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u64,
    end: u64,
}

/// The row that is kept of a sample, and the rows that belong to it.
#[derive(Debug)]
struct Kept {
    sha256: [u8; 32],
    /// What decides among several: one without a failure, then by its place.
    rank: (bool, u128),
    source: usize,
    row: Span,
    details: [Span; DETAILS],
}

/// A row of a place.
#[derive(Debug)]
struct Place {
    key: u128,
    source: usize,
    row: Span,
}

/// The hash that a row begins with.
#[derive(Deserialize)]
struct Hash<'a> {
    #[serde(borrow)]
    sha256: Cow<'a, str>,
}

/// Reads the scans of `folders` and writes them into `out`, which must be new, as one. Gives that folder, and
/// what it adds up to. A sample or a place that several have is there once. `clusters` is made anew from the
/// second and third value.
///
/// # Errors
///
/// When a folder holds no scan, is written to now, was made in another way than the first or is damaged. Also
/// when `out` holds something or cannot be written.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<(Store, Summary, Index), StoreError> {
    let (sources, settings) = open(folders)?;
    let mut samples = Vec::new();
    let mut places = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        find_samples(source, number, &mut samples)?;
        find_places(source, number, &mut places)?;
    }
    samples.sort_unstable_by_key(|kept| (kept.sha256, kept.rank, kept.source, kept.row.start));
    samples.dedup_by_key(|kept| kept.sha256);
    places.sort_unstable_by_key(|place| (place.key, place.source, place.row.start));
    places.dedup_by_key(|place| place.key);
    for (number, source) in sources.iter().enumerate() {
        find_details(source, number, &mut samples)?;
    }
    let mut merged = Merged {
        store: Store::open(out, &settings, false, |_| (), |_| ())?,
        summary: Summary::default(),
        index: Index::within(out),
    };
    for kept in &samples {
        merged.sample(&sources, kept)?;
    }
    for place in &places {
        merged.place(&sources, place)?;
    }
    Ok((merged.store, merged.summary, merged.index))
}

/// Opens all folders; they must have been made in the same way.
fn open(folders: &[PathBuf]) -> Result<(Vec<Store>, Settings), StoreError> {
    let mut sources = Vec::new();
    let mut first: Option<Settings> = None;
    for folder in folders {
        let (source, settings) = Store::reading(folder)?;
        match &first {
            Some(first) => settings.agree(first, folder)?,
            None => first = Some(settings),
        }
        sources.push(source);
    }
    let none = || StoreError::Foreign { path: String::new(), why: "no folder was named" };
    Ok((sources, first.ok_or_else(none)?))
}

fn find_samples(source: &Store, number: usize, samples: &mut Vec<Kept>) -> Result<(), StoreError> {
    source.each_line(0, |start, line| {
        let row: rows::SampleRow = serde_json::from_slice(line)?;
        let place = rows::Path { origin: row.origin, ..rows::Path::default() };
        let rank = (row.failure.is_some(), key(&place));
        let row_span = Span { start, end: start + line.len() as u64 };
        let sha256 = hash(&row.sha256)?;
        samples.push(Kept { sha256, rank, source: number, row: row_span, details: Default::default() });
        Ok(())
    })
}

fn find_places(source: &Store, number: usize, places: &mut Vec<Place>) -> Result<(), StoreError> {
    source.each_line(1, |start, line| {
        let row: rows::Path = serde_json::from_slice(line)?;
        let span = Span { start, end: start + line.len() as u64 };
        places.push(Place { key: key(&row), source: number, row: span });
        Ok(())
    })
}

/// Finds the rows of the samples that are kept from this folder; those of a sample stand together.
fn find_details(source: &Store, number: usize, samples: &mut [Kept]) -> Result<(), StoreError> {
    for table in 0..DETAILS {
        source.each_line(table + 2, |start, line| {
            let hash = hash(&serde_json::from_slice::<Hash<'_>>(line)?.sha256)?;
            let at = samples.binary_search_by_key(&hash, |kept| kept.sha256).ok();
            let of = at.and_then(|at| samples.get_mut(at)).filter(|kept| kept.source == number);
            let Some(span) = of.and_then(|kept| kept.details.get_mut(table)) else { return Ok(()) };
            if span.end == 0 {
                *span = Span { start, end: start };
            }
            if span.end != start {
                return Err(serde::de::Error::custom("the rows of its sample do not stand together"));
            }
            span.end = start + line.len() as u64;
            Ok(())
        })?;
    }
    Ok(())
}

fn hash(text: &str) -> serde_json::Result<[u8; 32]> {
    parse_sha256(text).ok_or_else(|| serde::de::Error::custom("its hash is none"))
}

/// What grows.
struct Merged {
    store: Store,
    summary: Summary,
    index: Index,
}

impl Merged {
    fn sample(&mut self, sources: &[Store], kept: &Kept) -> Result<(), StoreError> {
        let Some(source) = sources.get(kept.source) else { return Ok(()) };
        let mut texts: [Vec<u8>; TABLES.len()] = Default::default();
        let spans = [kept.row, Span::default()].into_iter().chain(kept.details);
        for (table, (text, span)) in texts.iter_mut().zip(spans).enumerate() {
            *text = source.bytes(table, span.start..span.end)?;
        }
        if let Ok(row) = serde_json::from_slice::<rows::SampleRow>(&texts[0]) {
            self.summary.add_sample(&row);
            self.index.add(&row).map_err(|source| self.failed(source))?;
        }
        self.append(&texts)
    }

    fn place(&mut self, sources: &[Store], place: &Place) -> Result<(), StoreError> {
        let Some(source) = sources.get(place.source) else { return Ok(()) };
        let mut texts: [Vec<u8>; TABLES.len()] = Default::default();
        texts[1] = source.bytes(1, place.row.start..place.row.end)?;
        if let Ok(row) = serde_json::from_slice::<rows::Path>(&texts[1]) {
            self.summary.add_path(&row);
        }
        self.append(&texts)
    }

    fn append(&mut self, texts: &[Vec<u8>; TABLES.len()]) -> Result<(), StoreError> {
        self.store.append_lines(texts).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> StoreError {
        StoreError::Io { path: self.store.folder().display().to_string(), source }
    }
}
