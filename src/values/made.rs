//! Which step made each byte of memory, for slices.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::limits::MAX_SHADOW_PAGES;

/// No step: zero, as memory and locals begin.
pub(super) const NOTHING: u32 = 0;

/// Bytes whose steps are kept together.
const PAGE: u64 = 1 << 12;

/// For each byte of all memories the step that made it.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    pages: BTreeMap<(u32, u64), Arc<Vec<u32>>>,
    /// There were too many pages: some bytes are not followed.
    pub(super) is_lost: bool,
}

impl Memory {
    /// Adds the steps that made bytes, one for each.
    ///
    /// PERF: the bytes of an access are nearly always in one page, which is looked for once.
    pub(super) fn ids(&self, memory: u32, address: u64, len: u64, ids: &mut Vec<u32>) {
        for (key, bytes) in parts(memory, address, len) {
            match self.pages.get(&key).and_then(|page| page.get(bytes.clone())) {
                Some(found) => ids.extend_from_slice(found),
                None => ids.resize(ids.len() + bytes.len(), NOTHING),
            }
        }
    }

    /// The bytes of a page, if they are followed, to note `id` there.
    fn page(&mut self, key: (u32, u64), is_nothing: bool) -> Option<&mut Vec<u32>> {
        if !self.pages.contains_key(&key) {
            if is_nothing {
                return None;
            }
            if self.pages.len() >= MAX_SHADOW_PAGES {
                self.is_lost = true;
                return None;
            }
        }
        let page = self.pages.entry(key).or_insert_with(|| Arc::new(vec![NOTHING; PAGE as usize]));
        Some(Arc::make_mut(page))
    }

    pub(super) fn fill(&mut self, memory: u32, address: u64, len: u64, id: u32) {
        // Of what is larger than all that is followed, the rest is lost.
        let most = PAGE * MAX_SHADOW_PAGES as u64;
        self.is_lost |= len > most;
        for (key, bytes) in parts(memory, address, len.min(most)) {
            let page = self.page(key, id == NOTHING);
            if let Some(bytes) = page.and_then(|page| page.get_mut(bytes)) {
                bytes.fill(id);
            }
        }
    }

    pub(super) fn copy(&mut self, from: (u32, u64), to: (u32, u64), len: u64) {
        let most = PAGE * MAX_SHADOW_PAGES as u64;
        self.is_lost |= len > most;
        let mut ids = Vec::new();
        self.ids(from.0, from.1, len.min(most), &mut ids);
        let mut ids = &ids[..];
        for (key, bytes) in parts(to.0, to.1, len.min(most)) {
            let (now, rest) = ids.split_at(bytes.len().min(ids.len()));
            ids = rest;
            let page = self.page(key, now.iter().all(|id| *id == NOTHING));
            if let Some(bytes) = page.and_then(|page| page.get_mut(bytes)) {
                bytes.copy_from_slice(now);
            }
        }
    }
}

/// Bytes of a memory by page: the key of each, and which bytes of it.
fn parts(memory: u32, address: u64, len: u64) -> impl Iterator<Item = ((u32, u64), Range<usize>)> {
    let (mut at, mut left) = (address, len);
    std::iter::from_fn(move || {
        let (page, first) = (at / PAGE, at % PAGE);
        let len = left.min(PAGE - first);
        (at, left) = (at.wrapping_add(len), left - len);
        (len > 0).then(|| ((memory, page), first as usize..(first + len) as usize))
    })
}
