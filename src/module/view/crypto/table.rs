//! The constants that are looked for, as an index made from `rules/crypto-constants.toml` once something is
//! looked for. PERF: most starts of the program look through a small sample, so the index is a few lists in
//! order, and no table with an allocation for each word.

use std::sync::LazyLock;

use serde::Deserialize;

use super::anchors::{self, FILTER_BITS, hash};
use super::{CryptoClass, CryptoConstant};

const SOURCE: &str = include_str!("../../../../rules/crypto-constants.toml");

/// A broken table is a mistake of ours that a test finds; the program then looks for nothing.
static BUILTIN: LazyLock<Index> = LazyLock::new(|| Index::parse(SOURCE).unwrap_or_default());

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    constant: Vec<Entry>,
}

/// A constant in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    algorithm: String,
    class: CryptoClass,
    width: Option<u32>,
    words: Option<String>,
    text: Option<String>,
    must: Option<String>,
    code: Option<u32>,
    data: Option<u32>,
}

/// A constant.
#[derive(Debug)]
pub(super) struct Constant {
    pub(super) name: String,
    algorithm: String,
    class: CryptoClass,
    /// Bytes of a word: 1, 4 or 8.
    pub(super) width: usize,
    pub(super) words: Vec<u64>,
    /// Position of a word that must be among those in a function.
    pub(super) must: Option<u16>,
    /// Least number of different words in a function.
    pub(super) code: Option<u32>,
    /// Least number of consecutive words in data.
    pub(super) data: Option<u32>,
}

impl Constant {
    /// A find of it, without what only code or only data has.
    pub(super) fn found(&self, found: u32, place: String, offset: u64) -> CryptoConstant {
        CryptoConstant {
            name: self.name.clone(),
            algorithm: self.algorithm.clone(),
            class: self.class,
            found,
            of: self.words.len() as u32,
            place,
            func: None,
            offset,
            address: None,
            sites: Vec::new(),
        }
    }
}

/// The bytes of a constant in one byte order and one width.
#[derive(Debug)]
pub(super) struct Image {
    /// Which constant.
    pub(super) constant: u16,
    /// Bytes of an element.
    pub(super) element: usize,
    bytes: Vec<u8>,
}

impl Image {
    /// Makes the longest match around byte `anchor` of the image, found at `position` of `data`: where it
    /// begins, and its elements.
    pub(super) fn extend(&self, data: &[u8], position: usize, anchor: usize) -> (usize, usize) {
        let step = self.element;
        let same = |at: usize, from: usize| {
            data.get(at..at + step).is_some_and(|found| self.bytes.get(from..from + step) == Some(found))
        };
        let (mut begin, mut from) = (position, anchor);
        while from >= step && begin >= step && same(begin - step, from - step) {
            (begin, from) = (begin - step, from - step);
        }
        let (mut end, mut to) = (position, anchor);
        while same(end, to) {
            (end, to) = (end + step, to + step);
        }
        (begin, (end - begin) / step)
    }
}

/// A constant and one of its words, or an image and one of its bytes.
type Place = (u16, u16);

/// Everything that is looked for.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) constants: Vec<Constant>,
    pub(super) images: Vec<Image>,
    words32: Places,
    words64: Places,
    anchors: Places,
}

/// Places by what is there.
#[derive(Debug, Default)]
struct Places {
    /// In order, once all are there.
    all: Vec<(u64, Place)>,
    /// A bit for each hash, so that nearly all that is looked for is passed over without a search.
    filter: Vec<u64>,
}

/// A bit for each anchor of an image, which `build.rs` sets.
static ANCHORS: &[u8; 1 << (FILTER_BITS - 3)] = include_bytes!(concat!(env!("OUT_DIR"), "/anchors.bin"));

/// Whether eight bytes may be an anchor; told without the index.
#[inline]
pub(super) fn may_be_anchor(bytes: u64) -> bool {
    let bit = hash(bytes);
    ANCHORS[bit >> 3] >> (bit & 7) & 1 != 0
}

impl Places {
    fn finish(&mut self) {
        self.all.sort_unstable();
        self.filter = vec![0; 1 << (FILTER_BITS - 6)];
        for (key, _) in &self.all {
            let bit = hash(*key);
            self.filter[bit >> 6] |= 1 << (bit & 63);
        }
    }

    #[inline]
    fn of(&self, key: u64) -> &[(u64, Place)] {
        let bit = hash(key);
        match self.filter.get(bit >> 6) {
            Some(word) if word >> (bit & 63) & 1 != 0 => self.search(key),
            _ => &[],
        }
    }

    fn search(&self, key: u64) -> &[(u64, Place)] {
        let from = &self.all[self.all.partition_point(|(other, _)| *other < key)..];
        &from[..from.partition_point(|(other, _)| *other == key)]
    }
}

/// Bits of the filter that are set.
#[cfg(test)]
pub(super) fn filtered() -> usize {
    ANCHORS.iter().map(|byte| byte.count_ones() as usize).sum()
}

impl Index {
    #[cfg(test)]
    pub(super) fn every_anchor(&self) -> Vec<u64> {
        self.anchors.all.iter().map(|(word, _)| *word).collect()
    }

    pub(super) fn builtin() -> &'static Self {
        &BUILTIN
    }

    pub(super) fn parse(source: &str) -> Result<Self, String> {
        let source: Source = toml::from_str(source).map_err(|error| error.to_string())?;
        let mut index = Self::default();
        for entry in source.constant {
            index.add(entry)?;
        }
        [&mut index.words32, &mut index.words64].into_iter().for_each(Places::finish);
        index.anchors.all.sort_unstable();
        Ok(index)
    }

    pub(super) fn words32(&self, word: u32) -> &[(u64, Place)] {
        self.words32.of(word.into())
    }

    pub(super) fn words64(&self, word: u64) -> &[(u64, Place)] {
        self.words64.of(word)
    }

    /// The images that have these eight bytes at an anchor.
    pub(super) fn anchors(&self, bytes: u64) -> &[(u64, Place)] {
        self.anchors.search(bytes)
    }

    fn add(&mut self, entry: Entry) -> Result<(), String> {
        let fail = |reason: &str| Err(format!("{}: {reason}", entry.name));
        let (width, words) = match (&entry.text, &entry.words, entry.width) {
            (Some(text), None, None) => (1, text.bytes().map(u64::from).collect()),
            (None, Some(words), Some(bits @ (8 | 32 | 64))) => {
                let words: Result<Vec<_>, _> =
                    words.split_whitespace().map(|word| u64::from_str_radix(word, 16)).collect();
                let Ok(words) = words else { return fail("words are hexadecimal") };
                if words.iter().any(|word| bits < 64 && word >> bits != 0) {
                    return fail("a word is wider than `width`");
                }
                (bits as usize / 8, words)
            }
            _ => return fail("either `text`, or `words` and `width` (8, 32 or 64)"),
        };
        let number = u16::try_from(self.constants.len()).map_err(|_| "too many constants".to_owned())?;
        if words.len() > usize::from(u16::MAX) / 8 || (entry.code, entry.data) == (None, None) {
            return fail("no more than 8191 words, and `code` or `data`");
        }
        let must = match &entry.must {
            None => None,
            Some(must) => {
                let is_it = |word: &u64| u64::from_str_radix(must, 16).as_ref() == Ok(word);
                let Some(position) = words.iter().position(is_it) else {
                    return fail("`must` is one of the words");
                };
                Some(position as u16)
            }
        };
        let Entry { name, algorithm, class, code, data, .. } = entry;
        let constant = Constant { name, algorithm, class, width, words, must, code, data };
        self.add_words(number, &constant);
        if data.is_some() {
            self.add_images(number, &constant);
        }
        self.constants.push(constant);
        Ok(())
    }

    fn add_words(&mut self, number: u16, constant: &Constant) {
        let words = constant
            .words
            .iter()
            .enumerate()
            .filter(|(_, word)| **word >= super::LEAST_WORD && constant.code.is_some());
        for (position, &word) in words {
            let place = (number, position as u16);
            match constant.width {
                4 => self.words32.all.push((u64::from(word as u32), place)),
                8 => self.words64.all.push((word, place)),
                _ => {}
            }
        }
    }

    fn add_images(&mut self, number: u16, constant: &Constant) {
        for (element, bytes) in anchors::images(constant.width, &constant.words) {
            let image = self.images.len() as u16;
            let here = anchors::of(&bytes).map(|(position, word)| (word, (image, position as u16)));
            self.anchors.all.extend(here);
            self.images.push(Image { constant: number, element, bytes });
        }
    }
}
