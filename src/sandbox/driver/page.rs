//! Room in the sample's memory for made-up input: from its own allocator, found by name or by what it does,
//! or else at the end.

use std::rc::Rc;

use super::{
    Driver, args,
    candidates::{self, Candidate},
};
use crate::{
    sandbox::types::{Entry, EntryEnd, EntryKind},
    tracer::Value,
};

impl Driver<'_> {
    /// Finds room for the page of made-up input: from the sample's own allocator, or at the end of its
    /// memory.
    pub(super) fn make_page(&mut self) {
        let candidates = Rc::clone(&self.candidates);
        let size = args::PAGE;
        let len = self.session.memory_len();
        self.material.page = len.saturating_sub(u64::from(size)).min(u64::from(u32::MAX)) as u32;
        match candidates::allocator(&candidates) {
            Some(allocator) => {
                if self.allocate(allocator, size).is_some() {
                    self.parcels.found(allocator);
                }
            }
            None => self.find_allocator(size),
        }
        if self.material.page == 0 {
            // One page of memory or none: its second half is less likely to hold data.
            self.material.page = (len / 2) as u32;
        }
        let mut page = args::page(self.material.page);
        page.truncate(len.saturating_sub(u64::from(self.material.page)) as usize);
        _ = self.session.write_host_memory(self.material.page.into(), &page);
    }

    /// Asks an allocator for the page.
    fn allocate(&mut self, allocator: &Candidate, size: u32) -> Option<u32> {
        let args = candidates::size_args(allocator, size as i32, 8);
        self.call(allocator, EntryKind::Export, args, true);
        let Some(Entry { results, end: EntryEnd::Returned, .. }) = self.entries.last() else { return None };
        let &Value::I32(address @ 1..) = results.first()? else { return None };
        let is_inside = address as u64 + u64::from(size) <= self.session.memory_len();
        is_inside.then(|| self.material.page = address as u32)?;
        Some(address as u32)
    }

    /// Looks for an allocator without its name: asked twice it gives two places, aligned and apart by what
    /// was asked for.
    fn find_allocator(&mut self, size: u32) {
        let candidates = Rc::clone(&self.candidates);
        let page = self.material.page;
        for candidate in candidates::allocators(&self.session, &candidates) {
            let (first, second) = (self.allocate(candidate, size), self.allocate(candidate, size));
            if let (Some(first), Some(second)) = (first, second)
                && first % 8 == 0
                && second % 8 == 0
                && first.abs_diff(second) >= size
            {
                self.parcels.found(candidate);
                return;
            }
            self.material.page = page;
            self.undo();
            if self.is_over() {
                return;
            }
        }
    }
}
