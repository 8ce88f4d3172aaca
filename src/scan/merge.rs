//! Several scans as one: the parts that machines made, or scans of feeds that overlap.
//!
//! The order of the result does not depend on how the work was shared: samples come by hash, places by
//! [`key`]. So the tables of two parts equal those of one scan of everything that was merged alone, but for
//! `time_ms`. In memory are 200 bytes for each sample and 40 for each place, no rows, and then what
//! groups need ([`super::cluster`]).

use std::{
    borrow::Cow,
    collections::BTreeMap,
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
    /// What decides among several: one without a failure, then by its place.
    rank: (bool, u128),
    source: usize,
    row: Span,
    details: [Span; DETAILS],
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
/// When a folder holds no scan, is written to now, was made in another way than the first or is damaged; when
/// `out` holds something or cannot be written.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<(Store, Summary, Index), StoreError> {
    let (sources, settings) = open(folders)?;
    let mut samples = BTreeMap::new();
    let mut places = BTreeMap::new();
    for (number, source) in sources.iter().enumerate() {
        find_samples(source, number, &mut samples)?;
        find_places(source, number, &mut places)?;
    }
    for (number, source) in sources.iter().enumerate() {
        find_details(source, number, &mut samples)?;
    }
    let mut merged = Merged {
        store: Store::open(out, &settings, false, |_| (), |_| ())?,
        summary: Summary::default(),
        index: Index::within(out),
    };
    for kept in samples.values() {
        merged.sample(&sources, kept)?;
    }
    for (source, span) in places.values() {
        merged.place(&sources, *source, *span)?;
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

fn find_samples(
    source: &Store,
    number: usize,
    samples: &mut BTreeMap<[u8; 32], Kept>,
) -> Result<(), StoreError> {
    source.each_line(0, |start, line| {
        let row: rows::SampleRow = serde_json::from_slice(line)?;
        let place = rows::Path { origin: row.origin, ..rows::Path::default() };
        let rank = (row.failure.is_some(), key(&place));
        let row_span = Span { start, end: start + line.len() as u64 };
        let kept = Kept { rank, source: number, row: row_span, details: Default::default() };
        let hash = hash(&row.sha256)?;
        match samples.get(&hash) {
            Some(other) if other.rank <= kept.rank => {}
            _ => drop(samples.insert(hash, kept)),
        }
        Ok(())
    })
}

fn find_places(
    source: &Store,
    number: usize,
    places: &mut BTreeMap<u128, (usize, Span)>,
) -> Result<(), StoreError> {
    source.each_line(1, |start, line| {
        let row: rows::Path = serde_json::from_slice(line)?;
        places.entry(key(&row)).or_insert((number, Span { start, end: start + line.len() as u64 }));
        Ok(())
    })
}

/// Finds the rows of the samples that are kept from this folder; those of a sample stand together.
fn find_details(
    source: &Store,
    number: usize,
    samples: &mut BTreeMap<[u8; 32], Kept>,
) -> Result<(), StoreError> {
    for table in 0..DETAILS {
        source.each_line(table + 2, |start, line| {
            let hash = hash(&serde_json::from_slice::<Hash<'_>>(line)?.sha256)?;
            let of = samples.get_mut(&hash).filter(|kept| kept.source == number);
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

    fn place(&mut self, sources: &[Store], source: usize, span: Span) -> Result<(), StoreError> {
        let Some(source) = sources.get(source) else { return Ok(()) };
        let mut texts: [Vec<u8>; TABLES.len()] = Default::default();
        texts[1] = source.bytes(1, span.start..span.end)?;
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
