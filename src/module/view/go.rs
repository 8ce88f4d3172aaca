//! Names that the runtime of Go keeps of its functions, in a table in memory: linkers strip the name section,
//! and the program needs this one.
//!
//! The table (`pclntab`, as of Go 1.18) begins with a header of eight words behind eight known bytes. One
//! entry for each function leads to its name. Segments leave out runs of zeros, so it is read by address.
//! Whoever made the sample may have written anything there, so what does not fit gives no names.

use hashbrown::HashMap;
use memchr::memmem::Finder;

use super::{
    DataSegment,
    limits::{GO_NAME, GO_NAMES, GO_TABLES},
};

/// Beginnings of tables that Go 1.20, and 1.18, write for this machine. An instruction takes at least one
/// byte, and a word has eight.
const BEGINNINGS: [&[u8; 8]; 2] = [b"\xf1\xff\xff\xff\0\0\x01\x08", b"\xf0\xff\xff\xff\0\0\x01\x08"];
/// Where the words of the header stand: number of functions, names, entries.
const FUNCTIONS: u64 = 8;
const NAMES: u64 = 32;
const ENTRIES: u64 = 64;
/// Bytes that are read for an entry besides its name.
const ENTRY: usize = 12;

/// The names of functions, by their position among those that the module defines; empty if there is no table.
pub(super) fn names(segments: &[DataSegment], bytes: &[&[u8]], functions: usize) -> HashMap<u32, String> {
    let (memory, mut room) = (Memory::of(segments, bytes), GO_NAMES);
    for beginning in BEGINNINGS {
        let finder = Finder::new(beginning);
        let of = |&(address, bytes): &(u64, &[u8])| -> Vec<u64> {
            finder.find_iter(bytes).take(GO_TABLES).map(|at| address + at as u64).collect()
        };
        for table in memory.0.iter().flat_map(of).take(GO_TABLES) {
            let found = memory.table(table, functions, &mut room);
            if let Some(found) = found.filter(|found| !found.is_empty()) {
                return found;
            }
        }
    }
    HashMap::new()
}

/// Active segments by their addresses, ascending.
struct Memory<'a>(Vec<(u64, &'a [u8])>);

impl<'a> Memory<'a> {
    fn of(segments: &[DataSegment], bytes: &[&'a [u8]]) -> Self {
        let placed =
            segments.iter().zip(bytes).filter_map(|(segment, bytes)| Some((segment.address?, *bytes)));
        let mut placed: Vec<_> = placed.filter(|(address, _)| u32::try_from(*address).is_ok()).collect();
        placed.sort_by_key(|(address, _)| *address);
        Self(placed)
    }

    /// The byte at an address: 0 where no segment is.
    fn byte(&self, address: u64) -> u8 {
        let behind = self.0.partition_point(|(begin, _)| *begin <= address);
        let segment = behind.checked_sub(1).and_then(|at| self.0.get(at));
        let byte = segment.and_then(|(begin, bytes)| bytes.get(usize::try_from(address - begin).ok()?));
        byte.copied().unwrap_or(0)
    }

    fn word<const N: usize>(&self, address: u64) -> u64 {
        (0..N as u64).fold(0, |word, at| word | u64::from(self.byte(address.saturating_add(at))) << (8 * at))
    }

    fn text(&self, address: u64) -> Option<String> {
        let bytes = (0..GO_NAME).map(|at| self.byte(address.saturating_add(at as u64)));
        let bytes: Vec<_> = bytes.take_while(|byte| *byte != 0).collect();
        String::from_utf8(bytes).ok().filter(|name| !name.is_empty() && name.len() < GO_NAME)
    }

    /// The names of a table; `None` if it is none. Bytes that are read of it are taken from `room`, which all
    /// tables share.
    fn table(&self, table: u64, functions: usize, room: &mut usize) -> Option<HashMap<u32, String>> {
        let word = |at: u64| self.word::<8>(table + at);
        let count = usize::try_from(word(FUNCTIONS)).ok().filter(|count| (1..=functions).contains(count))?;
        let (names, entries) = (table.checked_add(word(NAMES))?, table.checked_add(word(ENTRIES))?);
        let entry = |number: u64| entries.checked_add(8 * number);
        let first = self.word::<4>(entries);
        // A program counter is a function and, in older versions, a block in the lower half.
        let second = self.word::<4>(entry(1)?);
        let unit = if count > 1 && second.wrapping_sub(first).is_multiple_of(1 << 16) { 1 << 16 } else { 1 };
        let mut found = HashMap::new();
        for number in 0..count as u64 {
            let at = entry(number)?;
            let position = self.word::<4>(at).checked_sub(first)? / unit;
            let function = entries.checked_add(self.word::<4>(at.checked_add(4)?))?;
            let name = self.text(names.checked_add(self.word::<4>(function.checked_add(4)?))?)?;
            *room = room.checked_sub(name.len() + ENTRY)?;
            found.insert(u32::try_from(position).ok()?, name);
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use crate::module::{FuncIndex, view::View};

    /// A table of three functions at 0x100, in segments that leave zeros out.
    fn module(unit: u32, count: u64) -> Vec<u8> {
        let mut table = b"\xf1\xff\xff\xff\0\0\x01\x08".to_vec();
        for word in [count, 0, 0, 72, 0, 0, 0, 120] {
            table.extend(u64::to_le_bytes(word));
        }
        assert_eq!(table.len(), 72);
        table.extend(b"main.main\0runtime.goexit\0os.(*File).Read\0");
        table.resize(120, 0);
        for number in 0..3u32 {
            table.extend((0x1000 * unit + number * unit).to_le_bytes());
            table.extend((24 + 8 * number).to_le_bytes());
        }
        for (number, name) in [(0u32, 0u32), (1, 10), (2, 25)] {
            table.extend((0x1000 * unit + number * unit).to_le_bytes());
            table.extend(name.to_le_bytes());
        }
        let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let (head, rest) = table.split_at(10);
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        let text = format!(
            r#"(module (import "a" "b" (func)) (memory 1)
            (data (i32.const 256) "{}") (data (i32.const {}) "{}")
            (func) (func) (func))"#,
            escaped(head),
            266 + zeros,
            escaped(&rest[zeros..])
        );
        wat::parse_str(text).unwrap()
    }

    fn named(wasm: &[u8]) -> Vec<Option<String>> {
        let view = View::of(wasm);
        (1..4).map(|func| view.function(FuncIndex(func)).unwrap().called().map(str::to_owned)).collect()
    }

    #[test]
    fn functions_have_the_names_that_their_runtime_keeps() {
        let expected = ["main.main", "runtime.goexit", "os.(*File).Read"].map(|name| Some(name.to_owned()));
        assert_eq!(named(&module(1, 3)), expected);
        assert_eq!(named(&module(1 << 16, 3)), expected);
        // More functions than there are, or none: no table of this module's.
        for count in [0, 4, u64::MAX] {
            assert_eq!(named(&module(1, count)), [const { None }; 3], "{count}");
        }
    }

    #[test]
    fn entries_at_the_end_of_addresses_are_none() {
        let mut table = b"\xf1\xff\xff\xff\0\0\x01\x08".to_vec();
        // The second of two entries begins two bytes before the last address.
        for word in [2, 0, 0, 72, 0, 0, 0, u64::MAX - 2 - 8 - 256] {
            table.extend(u64::to_le_bytes(word));
        }
        table.extend(b"name\0");
        let escaped: String = table.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let text =
            format!(r#"(module (memory 1) (data (i32.const 256) "{escaped}") (func) (func) (func) (func))"#);
        assert_eq!(named(&wat::parse_str(text).unwrap()), [const { None }; 3]);
    }

    #[test]
    fn a_damaged_table_is_harmless() {
        let wasm = module(1, 3);
        for at in 0..wasm.len() {
            for change in [0xff, 0x80, 1] {
                let mut damaged = wasm.clone();
                damaged[at] ^= change;
                View::of(&damaged);
            }
        }
    }
}
