//! Memory of the sample's own that a call takes over and frees: what wasm-bindgen passes texts and arrays in.
//!
//! Such a call frees by the exact length, so a piece of a page of ours, or the same piece twice, would break
//! the heap. Pieces are asked for a few at a time, each is handed out once.

use super::{
    Driver,
    args::{self, LEN},
    candidates::{self, Candidate},
    limits::PARCELS,
};
use crate::{
    sandbox::types::{Entry, EntryEnd, EntryKind},
    tracer::{Type, Value},
};

/// What is at hand.
#[derive(Debug, Default)]
pub(super) struct Parcels {
    /// The allocator, if what it gives is taken over.
    allocator: Option<Candidate>,
    ready: Vec<u32>,
}

impl Parcels {
    /// An allocator was found.
    pub(super) fn found(&mut self, allocator: &Candidate) {
        if candidates::takes_over(allocator) {
            self.allocator = Some(allocator.clone());
        }
    }
}

impl Driver<'_> {
    /// Puts pieces at hand for a call with such parameters, where calls take them over.
    pub(super) fn deal(&mut self, params: &[Type]) {
        self.material.parcels = [None; 2];
        let integers = params.iter().filter(|&&ty| ty == Type::I32).count();
        if integers < 2 || self.parcels.allocator.is_none() {
            return;
        }
        if self.parcels.ready.len() < 2 {
            self.fetch();
        }
        // Not taken off before it is known that the call came to its end: one that failed is undone.
        let mut last = self.parcels.ready.iter().rev().copied();
        self.material.parcels = [last.next(), last.next()];
    }

    /// A piece that was given to a call that came to its end is not at hand any more.
    pub(super) fn spend(&mut self) {
        let given = self.material.parcels;
        self.parcels.ready.retain(|piece| !given.contains(&Some(*piece)));
    }

    /// A piece with these bytes, if calls take over what they are given.
    pub(super) fn parcel(&mut self, bytes: &[u8]) -> Option<u32> {
        let allocator = self.parcels.allocator.clone()?;
        let given = candidates::size_args(&allocator, bytes.len() as i32, 1);
        self.call(&allocator, EntryKind::Export, given, true);
        let Some(Entry { results, end: EntryEnd::Returned, .. }) = self.entries.last() else { return None };
        let &Value::I32(address @ 1..) = results.first()? else { return None };
        self.session.write_host_memory(address as u64, bytes)?;
        Some(address as u32)
    }

    /// Asks for more.
    fn fetch(&mut self) {
        let Some(allocator) = self.parcels.allocator.clone() else { return };
        let page = args::page(self.material.page);
        for _ in 0..PARCELS {
            if self.is_over() {
                return;
            }
            let given = candidates::size_args(&allocator, LEN, 1);
            self.call(&allocator, EntryKind::Export, given, true);
            let Some(Entry { results, end: EntryEnd::Returned, .. }) = self.entries.last() else {
                // It gives no more: nothing is dealt from now on.
                self.undo();
                self.parcels.allocator = None;
                return;
            };
            if let Some(&Value::I32(address @ 1..)) = results.first()
                && self.session.write_host_memory(address as u64, &page[..LEN as usize]).is_some()
            {
                self.parcels.ready.push(address as u32);
            }
        }
        self.keep();
    }
}
