//! Labels beside memories and frames.

use std::{ops::Deref, sync::Arc};

use super::label::Label;
use super::limits::{LABELLED_MEMORIES, LABELLED_PAGES};
use super::limits::{MAX_PAGES, MAX_SHADOW_SLOTS};
use super::scalar::{CLEAN, Word};
use super::words::WordId;

const PAGE: u64 = 1 << 12;

type Labelled = [Label; PAGE as usize];

/// The labels of a page; its own, so that a store needs no look at a count, until a state is kept.
#[derive(Debug, Clone)]
enum Page {
    Own(Box<Labelled>),
    Shared(Arc<Labelled>),
}

impl Deref for Page {
    type Target = Labelled;

    #[inline]
    fn deref(&self) -> &Labelled {
        match self {
            Self::Own(page) => page,
            Self::Shared(page) => page,
        }
    }
}

impl Page {
    #[cold]
    #[inline(never)]
    fn new() -> Self {
        Self::Own(Box::new([Label::NONE; PAGE as usize]))
    }

    #[cold]
    #[inline(never)]
    fn copied(page: &Labelled) -> Self {
        Self::Own(Box::new(*page))
    }

    #[inline]
    fn own(&mut self) -> &mut Labelled {
        if let Self::Shared(page) = self {
            *self = Self::copied(page);
        }
        match self {
            Self::Own(page) => page,
            Self::Shared(page) => Arc::make_mut(page),
        }
    }

    fn share(&mut self) {
        if let Self::Own(page) = self {
            *self = Self::Shared(Arc::new(**page));
        }
    }
}

/// The labels of the bytes of all memories. Pages without labels are not there.
/// Copies by [`Self::keep`] share pages until one of them changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Memories {
    memories: Vec<Vec<Option<Page>>>,
    pages: usize,
    /// Bytes whose labels had no room.
    pub(super) lost: u64,
}

impl Memories {
    /// A copy.
    pub(super) fn keep(&mut self) -> Self {
        self.memories.iter_mut().flatten().flatten().for_each(Page::share);
        self.clone()
    }

    fn page(&self, memory: u32, address: u64) -> Option<&Page> {
        self.memories.get(memory as usize)?.get((address / PAGE) as usize)?.as_ref()
    }

    /// Whether no byte of a few has a label; not sure if they are in several pages.
    #[inline]
    pub(super) fn is_clean(&self, memory: u32, address: u64, len: u64) -> bool {
        let Some(pages) = self.memories.get(memory as usize) else { return true };
        let at = (address % PAGE) as usize;
        if at + len as usize > PAGE as usize {
            return false;
        }
        match pages.get((address / PAGE) as usize) {
            Some(Some(page)) => page[at..at + len as usize].iter().all(|label| !label.is_some()),
            _ => true,
        }
    }

    pub(super) fn get(&self, memory: u32, address: u64) -> Label {
        self.page(memory, address).map_or(Label::NONE, |page| page[(address % PAGE) as usize])
    }

    /// Reads the labels of some bytes; whether there is any.
    pub(super) fn load(&self, memory: u32, address: u64, to: &mut [Label]) -> bool {
        let at = (address % PAGE) as usize;
        if at + to.len() <= PAGE as usize {
            match self.page(memory, address) {
                Some(page) => to.copy_from_slice(&page[at..at + to.len()]),
                None => to.fill(Label::NONE),
            }
            return to.iter().any(|label| label.is_some());
        }
        let mut any = false;
        for (place, label) in to.iter_mut().enumerate() {
            *label = self.get(memory, address.wrapping_add(place as u64));
            any |= label.is_some();
        }
        any
    }

    pub(super) fn set(&mut self, memory: u32, address: u64, label: Label) {
        if !label.is_some() && self.page(memory, address).is_none() {
            return;
        }
        if let Some(page) = self.page_mut(memory, address) {
            page[(address % PAGE) as usize] = label;
        } else {
            self.lost += 1;
        }
    }

    /// The labels of at most eight bytes.
    ///
    /// PERF: of known length, so that they are copied as one and read again as one.
    #[inline]
    pub(super) fn word(&self, memory: u32, address: u64, len: usize) -> Word {
        let at = (address % PAGE) as usize;
        let Some(page) = self.page(memory, address) else { return self.each(memory, address, len) };
        match (len, page.get(at..at + len)) {
            (4, Some(&[a, b, c, d])) => {
                let none = Label::NONE;
                [a, b, c, d, none, none, none, none]
            }
            (8, Some(labels)) => labels.try_into().unwrap_or(CLEAN),
            _ => self.each(memory, address, len),
        }
    }

    #[inline(never)]
    fn each(&self, memory: u32, address: u64, len: usize) -> Word {
        let mut word = CLEAN;
        for (place, label) in word.iter_mut().enumerate().take(len) {
            *label = self.get(memory, address.wrapping_add(place as u64));
        }
        word
    }

    /// Writes the labels of a few bytes: the first ones of a word.
    ///
    /// PERF: as [`Self::word`].
    #[inline]
    pub(super) fn store(&mut self, memory: u32, address: u64, word: &Word, len: usize) {
        let at = (address % PAGE) as usize;
        let known = self.memories.get_mut(memory as usize);
        let page = known.and_then(|pages| pages.get_mut((address / PAGE) as usize));
        let Some(page) = page.and_then(Option::as_mut).filter(|_| at + len <= PAGE as usize) else {
            return self.store_each(memory, address, &word[..len.min(8)]);
        };
        let page = page.own();
        match len {
            1 => page[at] = word[0],
            4 => page[at..at + 4].copy_from_slice(&word[..4]),
            8 => page[at..at + 8].copy_from_slice(word),
            _ => page[at..at + len].copy_from_slice(&word[..len.min(8)]),
        }
    }

    #[inline(never)]
    fn store_each(&mut self, memory: u32, address: u64, labels: &[Label]) {
        for (place, &label) in (0..).zip(labels) {
            self.set(memory, address.wrapping_add(place), label);
        }
    }

    fn page_mut(&mut self, memory: u32, address: u64) -> Option<&mut Labelled> {
        let (memory, page) = (memory as usize, usize::try_from(address / PAGE).ok()?);
        // The address is within a memory.
        if page > LABELLED_PAGES || memory > LABELLED_MEMORIES {
            return None;
        }
        if self.memories.len() <= memory {
            self.memories.resize_with(memory + 1, Vec::new);
        }
        let pages = &mut self.memories[memory];
        if pages.len() <= page {
            pages.resize_with(page + 1, || None);
        }
        if pages[page].is_none() {
            if self.pages >= MAX_PAGES {
                return None;
            }
            self.pages += 1;
            pages[page] = Some(Page::new());
        }
        pages[page].as_mut().map(Page::own)
    }

    /// Gives all bytes of a range one label.
    pub(super) fn fill(&mut self, memory: u32, address: u64, len: u64, label: Label) {
        let mut at = address;
        let end = address.saturating_add(len);
        while at < end {
            let next = (at - at % PAGE).saturating_add(PAGE).min(end);
            if label.is_some() || self.page(memory, at).is_some() {
                match self.page_mut(memory, at) {
                    Some(page) => page[(at % PAGE) as usize..][..(next - at) as usize].fill(label),
                    None => self.lost += next - at,
                }
            }
            at = next;
        }
    }

    /// Whether some byte of a range may have a label.
    fn has_page(&self, memory: u32, address: u64, len: u64) -> bool {
        let pages = self.memories.get(memory as usize).map_or(&[][..], Vec::as_slice);
        let (first, end) = ((address / PAGE) as usize, address.saturating_add(len).div_ceil(PAGE) as usize);
        let pages = pages.get(first..end.min(pages.len())).unwrap_or_default();
        pages.iter().any(Option::is_some)
    }

    /// Copies labels; the ranges may overlap.
    pub(super) fn copy(&mut self, to: (u32, u64), from: (u32, u64), len: u64) {
        if !self.has_page(from.0, from.1, len) {
            return self.fill(to.0, to.1, len, Label::NONE);
        }
        let part = |at: u64| (PAGE - at % PAGE).min(len);
        let mut done = 0;
        while to.1 <= from.1 && done < len {
            let (a, b) = (to.1 + done, from.1 + done);
            let next = part(a).min(part(b)).min(len - done);
            self.copy_part((to.0, a), (from.0, b), next);
            done += next;
        }
        let mut left = if to.1 <= from.1 { 0 } else { len };
        while left > 0 {
            let before = |end: u64| (end - 1) % PAGE + 1;
            let next = before(to.1 + left).min(before(from.1 + left)).min(left);
            left -= next;
            self.copy_part((to.0, to.1 + left), (from.0, from.1 + left), next);
        }
    }

    /// Copies labels within a page.
    fn copy_part(&mut self, to: (u32, u64), from: (u32, u64), len: u64) {
        let Some(page) = self.page(from.0, from.1).cloned() else {
            return self.fill(to.0, to.1, len, Label::NONE);
        };
        let source = &page[(from.1 % PAGE) as usize..][..len as usize];
        if source.iter().all(|label| !label.is_some()) {
            return self.fill(to.0, to.1, len, Label::NONE);
        }
        match self.page_mut(to.0, to.1) {
            Some(target) => target[(to.1 % PAGE) as usize..][..len as usize].copy_from_slice(source),
            None => self.lost += len,
        }
    }
}

/// The labels of the slots of all frames, at the same places as the slots.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// None has a label beyond its end.
    words: Vec<WordId>,
    /// Slots whose labels had no room.
    pub(super) lost: u64,
}

impl Slots {
    /// Whether no slot from this one on has a label.
    #[inline(always)]
    pub(super) fn is_clean_from(&self, slot: usize) -> bool {
        slot >= self.words.len()
    }

    /// Takes all labels from a slot on.
    pub(super) fn cut(&mut self, slot: usize) {
        self.words.truncate(slot);
    }

    #[inline(always)]
    pub(super) fn is_clean(&self, slot: usize) -> bool {
        !self.get(slot).is_some()
    }

    #[inline(always)]
    pub(super) fn clean(&mut self, slot: usize) {
        if let Some(word) = self.words.get_mut(slot) {
            *word = WordId::CLEAN;
        }
    }

    #[inline(always)]
    pub(super) fn get(&self, slot: usize) -> WordId {
        self.words.get(slot).copied().unwrap_or(WordId::CLEAN)
    }

    #[inline]
    pub(super) fn set(&mut self, slot: usize, word: WordId) {
        match self.words.get_mut(slot) {
            Some(known) => *known = word,
            None if word.is_some() => self.lengthen(slot, word),
            None => {}
        }
    }

    #[inline(never)]
    fn lengthen(&mut self, slot: usize, word: WordId) {
        if slot >= MAX_SHADOW_SLOTS {
            self.lost += 1;
            return;
        }
        self.words.resize(slot + 1, WordId::CLEAN);
        self.words[slot] = word;
    }

    pub(super) fn copy(&mut self, from: usize, to: usize, len: usize) {
        // Labels move down the stack or stay, as values do.
        for place in 0..len {
            self.set(to + place, self.get(from + place));
        }
    }

    pub(super) fn clear(&mut self, slots: std::ops::Range<usize>) {
        let end = slots.end.min(self.words.len());
        if slots.start < end {
            self.words[slots.start..end].fill(WordId::CLEAN);
        }
    }

    /// All words of slots, for them to be numbered anew.
    pub(super) fn all(&mut self) -> &mut [WordId] {
        &mut self.words
    }
}

#[cfg(test)]
mod tests {
    use super::super::label::Labels;
    use super::*;

    #[test]
    fn labels_follow_bytes() {
        let mut memories = Memories::default();
        let first = Labels::byte(1);
        memories.set(0, 4095, first);
        memories.set(0, 4096, Labels::byte(2));
        memories.copy((0, 4096), (0, 4095), 2);
        assert_eq!((memories.get(0, 4096), memories.get(0, 4097)), (first, Labels::byte(2)));
        memories.copy((0, 4095), (0, 4096), 2);
        assert_eq!((memories.get(0, 4095), memories.get(0, 4096)), (first, Labels::byte(2)));
        memories.copy((0, 4096), (0, 4095), 2);
        memories.copy((1, 9), (0, 4096), 2);
        assert_eq!(memories.get(1, 10), Labels::byte(2));
        memories.fill(0, 0, 1 << 32, Label::NONE);
        let mut labels = [first; 3];
        assert!(!memories.load(0, 4095, &mut labels) && labels == [Label::NONE; 3]);
        assert_eq!((memories.pages, memories.lost), (3, 0));
    }
}
