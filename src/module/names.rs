//! Function names of the name section, read when first asked for.
//!
//! Keeps where each name lies and not the name. As in V8, a name that is not UTF-8 is passed over, and of
//! several names of a function the last valid one counts. So one odd name cannot hide those behind it.

use std::ops::Range;

use wasmparser::BinaryReader;

use super::FuncIndex;

/// Id of the subsection of function names.
const FUNCTIONS: u8 = 1;

/// Where the names of functions lie in the module file, ascending by function.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<(FuncIndex, Range<usize>)>);

/// The first damage of a name section: where, and what.
pub(super) type Damage = (u64, String);

impl Names {
    /// Reads the name section at `section` of the module `bytes`.
    pub(super) fn read(bytes: &[u8], section: Range<u32>) -> Self {
        let range = section.start as usize..section.end as usize;
        Self::parse(bytes.get(range).unwrap_or_default(), u64::from(section.start)).0
    }

    /// Reads the contents of a name section, which begin at `offset` of the file; says what is wrong first.
    pub(super) fn parse(section: &[u8], offset: u64) -> (Self, Option<Damage>) {
        let mut names = Self::default();
        let mut damage = None;
        let mut reader = BinaryReader::new(section, offset);
        while !reader.eof() {
            match subsection(&mut reader) {
                Ok(part) => {
                    if part.id == FUNCTIONS {
                        let read = names.functions(BinaryReader::new(part.contents, part.at), &mut damage);
                        note(&mut damage, read);
                    }
                    if part.claimed > part.contents.len() {
                        let what = format!("a subsection of {} bytes ends with the section", part.claimed);
                        damage.get_or_insert((part.at, what));
                    }
                }
                Err(error) => {
                    note(&mut damage, Err(error));
                    break;
                }
            }
        }
        // Stable, so that the last of a function comes last.
        names.0.sort_by_key(|(func, _)| *func);
        names.0.reverse();
        names.0.dedup_by_key(|(func, _)| *func);
        names.0.reverse();
        (names, damage)
    }

    fn functions(
        &mut self,
        mut reader: BinaryReader<'_>,
        damage: &mut Option<Damage>,
    ) -> wasmparser::Result<()> {
        for _ in 0..reader.read_var_u32()? {
            let func = FuncIndex(reader.read_var_u32()?);
            let len = reader.read_var_u32()? as usize;
            let at = reader.original_position();
            let name = reader.read_bytes(len)?;
            if std::str::from_utf8(name).is_ok() {
                self.0.push((func, at as usize..at as usize + len));
            } else {
                damage.get_or_insert_with(|| (at, format!("the name of function {func} is not UTF-8")));
            }
        }
        if !reader.eof() {
            let what = format!("{} bytes behind the names of functions", reader.bytes_remaining());
            damage.get_or_insert((reader.original_position(), what));
        }
        Ok(())
    }

    /// The name of `func`.
    pub(super) fn get<'b>(&self, bytes: &'b [u8], func: FuncIndex) -> Option<&'b str> {
        let position = self.0.binary_search_by_key(&func, |(func, _)| *func).ok()?;
        std::str::from_utf8(bytes.get(self.0[position].1.clone())?).ok()
    }
}

/// A subsection.
struct Part<'a> {
    id: u8,
    /// Bytes that it says to have.
    claimed: usize,
    /// Those that are there.
    contents: &'a [u8],
    at: u64,
}

fn subsection<'a>(reader: &mut BinaryReader<'a>) -> wasmparser::Result<Part<'a>> {
    let id = reader.read_u8()?;
    let claimed = reader.read_var_u32()? as usize;
    let at = reader.original_position();
    let contents = reader.read_bytes(claimed.min(reader.bytes_remaining()))?;
    Ok(Part { id, claimed, contents, at })
}

/// Keeps the first error.
fn note(damage: &mut Option<Damage>, read: wasmparser::Result<()>) {
    if let Err(error) = read {
        damage.get_or_insert_with(|| (error.offset(), error.message().to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name section of subsections.
    fn section(subsections: &[(u8, &[u8])]) -> Vec<u8> {
        let part = |(id, contents): &(u8, &[u8])| [&[*id, contents.len() as u8][..], contents].concat();
        subsections.iter().flat_map(part).collect()
    }

    #[test]
    fn one_odd_name_hides_no_other() {
        for (bytes, expected, is_damaged) in [
            (section(&[(1, b"\x02\0\x01a\x02\x01b")]), vec![(0, "a"), (2, "b")], false),
            (section(&[(1, b"\x03\0\x01\xff\x01\x01a\x02\x01b")]), vec![(1, "a"), (2, "b")], true),
            // The last valid one, in any order, in any subsection.
            (section(&[(1, b"\x04\x02\x01b\0\x01a\x02\x01c\x02\x01\xff")]), vec![(0, "a"), (2, "c")], true),
            (section(&[(1, b"\x01\0\x01a"), (0, b"\x01m"), (1, b"\x01\0\x01z")]), vec![(0, "z")], false),
            // Cut within a name, within a count; a subsection that claims more than there is.
            (section(&[(1, b"\x02\0\x01a\x01\x09b")]), vec![(0, "a")], true),
            (section(&[(1, b"\x80"), (1, b"\x01\0\x01a")]), vec![(0, "a")], true),
            (b"\x01\x7f\x01\0\x01a".to_vec(), vec![(0, "a")], true),
            (b"\x63\x7f\x01\0\x01a".to_vec(), vec![], true),
            // Bytes behind the last name.
            (section(&[(1, b"\x01\0\x01a\xff")]), vec![(0, "a")], true),
            (vec![1, 0x80], vec![], true),
        ] {
            let (names, damage) = Names::parse(&bytes, 0);
            let found: Vec<_> = names
                .0
                .iter()
                .map(|(func, range)| (func.0, std::str::from_utf8(&bytes[range.clone()]).unwrap()))
                .collect();
            assert_eq!((found, damage.is_some()), (expected, is_damaged), "{bytes:x?}");
        }
    }
}
