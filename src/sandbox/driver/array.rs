//! An array of bytes as AssemblyScript's functions take it: three words. The first two say where the bytes
//! lie and the third how many they are. The sample's own allocator makes the words and the bytes.

use super::{Driver, candidates::Candidate};
use crate::{
    sandbox::types::{Entry, EntryEnd, EntryKind},
    tracer::{Type, Value},
};

/// Names of the allocator, which takes a size and the number of a class.
const MAKERS: &[&str] = &["__new", "__alloc"];
/// Bytes of the three words.
const VIEW: i32 = 12;

impl Driver<'_> {
    /// Makes an array of these bytes, where the sample has such an allocator.
    pub(super) fn make_array(&mut self, bytes: &[u8]) -> Option<i32> {
        let is_maker = |one: &&Candidate| {
            MAKERS.contains(&one.name.as_str()) && one.params == [Type::I32; 2] && one.gives
        };
        let maker = self.candidates.iter().find(is_maker)?.clone();
        let buffer = self.make_of_class(&maker, bytes.len() as i32, 0)?;
        let view = self.make_of_class(&maker, VIEW, 1)?;
        let words = [buffer, buffer, bytes.len() as i32].map(i32::to_le_bytes).concat();
        self.session.write_host_memory(buffer as u64, bytes)?;
        self.session.write_host_memory(view as u64, &words)?;
        Some(view)
    }

    fn make_of_class(&mut self, maker: &Candidate, size: i32, class: i32) -> Option<i32> {
        self.call(maker, EntryKind::Export, vec![Value::I32(size), Value::I32(class)], true);
        let Some(Entry { results, end: EntryEnd::Returned, .. }) = self.entries.last() else { return None };
        match results.first() {
            Some(&Value::I32(address @ 1..)) => Some(address),
            _ => None,
        }
    }
}
