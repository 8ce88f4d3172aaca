use gimli::{
    Encoding, Format, LineEncoding, LittleEndian,
    write::{
        Address, AttributeValue, DwarfUnit, EndianVec, FileId, LineProgram, LineString, Range, RangeList,
        Sections,
    },
};

use super::*;

/// Where the code section begins in the file.
const CODE: u32 = 0x100;

fn with_lines(version: u16) -> (DwarfUnit, FileId) {
    let encoding = Encoding { format: Format::Dwarf32, version, address_size: 4 };
    let text = |text: &str| LineString::String(text.into());
    let mut program =
        LineProgram::new(encoding, LineEncoding::default(), text("/source"), None, text("main.c"), None);
    let folder = program.add_directory(text("lib"));
    let file = program.add_file(text("inner.c"), folder, None);
    program.begin_sequence(Some(Address::Constant(0x10)));
    for (at, line, column) in [(0, 3, 1), (4, 7, 5), (8, 4, 2)] {
        let row = program.row();
        (row.address_offset, row.line, row.column) = (at, line, column);
        row.file = file;
        program.generate_row();
    }
    program.end_sequence(0x10);
    let mut unit = DwarfUnit::new(encoding);
    unit.unit.line_program = program;
    (unit, file)
}

/// A function of 16 bytes at 0x10 of the code; into bytes 4 to 8 another was inlined.
fn made(version: u16) -> Vec<(&'static str, Vec<u8>)> {
    let (mut dwarf, file) = with_lines(version);
    let unit = &mut dwarf.unit;
    let root = unit.root();
    unit.get_mut(root).set(gimli::DW_AT_comp_dir, AttributeValue::String(b"/source".into()));
    let inner = unit.add(root, gimli::DW_TAG_subprogram);
    let name = |text: &str| AttributeValue::String(text.as_bytes().into());
    unit.get_mut(inner).set(gimli::DW_AT_name, name("inner"));
    unit.get_mut(inner).set(gimli::DW_AT_linkage_name, name("_Z5innerv"));
    let outer = unit.add(root, gimli::DW_TAG_subprogram);
    unit.get_mut(outer).set(gimli::DW_AT_name, name("outer"));
    unit.get_mut(outer).set(gimli::DW_AT_low_pc, AttributeValue::Address(Address::Constant(0x10)));
    unit.get_mut(outer).set(gimli::DW_AT_high_pc, AttributeValue::Udata(0x10));
    let call = unit.add(outer, gimli::DW_TAG_inlined_subroutine);
    let ranges = RangeList(vec![Range::StartLength { begin: Address::Constant(0x14), length: 4 }]);
    let ranges = unit.ranges.add(ranges);
    let call = unit.get_mut(call);
    call.set(gimli::DW_AT_abstract_origin, AttributeValue::UnitRef(inner));
    call.set(gimli::DW_AT_ranges, AttributeValue::RangeListRef(ranges));
    call.set(gimli::DW_AT_call_file, AttributeValue::FileIndex(Some(file)));
    call.set(gimli::DW_AT_call_line, AttributeValue::Udata(12));
    written(&mut dwarf)
}

/// A module made from text, with debug information: bytes 0x10 to 0x20 of its code come from `inner.c`, those
/// from 0x14 to 0x18 were inlined into line 12.
pub(crate) fn with_debug_information(text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    for (name, bytes) in made(5) {
        let mut contents = leb(name.len() as u32);
        contents.extend(name.bytes());
        contents.extend(bytes);
        module.push(0);
        module.extend(leb(contents.len() as u32));
        module.extend(contents);
    }
    module
}

fn written(dwarf: &mut DwarfUnit) -> Vec<(&'static str, Vec<u8>)> {
    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    dwarf.write(&mut sections).unwrap();
    let mut all = Vec::new();
    let added: gimli::write::Result<()> = sections.for_each(|id, bytes| {
        all.push((id.name(), bytes.slice().to_vec()));
        Ok(())
    });
    added.unwrap();
    all
}

fn read(sections: &[(&'static str, Vec<u8>)]) -> Arc<Dwarf> {
    let sections: Vec<_> = sections.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    Dwarf::of(&sections, CODE).unwrap()
}

fn told(dwarf: &Dwarf, address: u32) -> Vec<(Option<String>, Option<String>, Option<u32>)> {
    let frames = dwarf.frames(CodeOffset(CODE + address));
    frames.into_iter().map(|frame| (frame.function.clone(), frame.line(), frame.column)).collect()
}

#[test]
fn what_it_consists_of_is_counted() {
    let (mut dwarf, _) = with_lines(5);
    let root = dwarf.unit.root();
    let text = |text: &str| AttributeValue::String(text.as_bytes().into());
    dwarf.unit.get_mut(root).set(gimli::DW_AT_producer, text("clang 15"));
    dwarf.unit.get_mut(root).set(gimli::DW_AT_language, AttributeValue::Language(gimli::DW_LANG_C11));
    for tag in [gimli::DW_TAG_variable, gimli::DW_TAG_variable, gimli::DW_TAG_lo_user, gimli::DwTag(0x7777)] {
        let entry = dwarf.unit.add(root, tag);
        dwarf.unit.get_mut(entry).set(gimli::DW_AT_decl_line, AttributeValue::Udata(7));
        dwarf.unit.get_mut(entry).set(gimli::DwAt(0x7777), AttributeValue::Udata(7));
    }
    let counts = |list: &[(&str, u64)]| list.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
    let found = read(&written(&mut dwarf)).features().clone();
    assert_eq!(found.versions, counts(&[("5", 1)]));
    assert_eq!(found.languages, counts(&[("C11", 1)]));
    assert_eq!(found.producers, counts(&[("clang 15", 1)]));
    let entries = [("compile_unit", 1), ("lo_user", 1), ("others", 1), ("variable", 2)];
    assert_eq!(found.entries, counts(&entries));
    assert_eq!((found.attributes["decl_line"], found.attributes["others"]), (4, 4));
    assert_eq!((found.units, found.files > 0, found.lines, found.is_cut), (1, true, 4, false));
}

#[test]
fn an_instruction_has_its_line_and_the_calls_around_it() {
    for version in [4, 5] {
        let dwarf = read(&made(version));
        let at = |line: u32| Some(format!("/source/lib/inner.c:{line}"));
        let outer = || Some("outer".to_owned());
        assert_eq!(told(&dwarf, 0x10), [(outer(), at(3), Some(1))], "version {version}");
        let inlined = [(Some("inner()".to_owned()), at(7), Some(5)), (outer(), at(12), None)];
        assert_eq!(told(&dwarf, 0x15), inlined);
        assert_eq!(told(&dwarf, 0x1f), [(outer(), at(4), Some(2))]);
        assert_eq!(told(&dwarf, 0x20), []);
        assert_eq!(told(&dwarf, 0xf), []);
        assert!(!dwarf.is_cut());
    }
}

#[test]
fn what_has_no_debug_information_has_no_lines() {
    assert!(Dwarf::of(&[("name", &b"x"[..]), (".debug_str", b"x")], CODE).is_none());
    assert_eq!(told(&read(&[(".debug_info", vec![0xff; 40])]), 0x10), []);
}

#[test]
fn of_rows_at_one_address_the_last_counts() {
    let (mut dwarf, file) = with_lines(5);
    let program = &mut dwarf.unit.line_program;
    program.begin_sequence(Some(Address::Constant(0x40)));
    for (at, line) in [(0, 9), (4, 8), (4, 20), (4, 5), (8, 6)] {
        let row = program.row();
        (row.address_offset, row.line, row.file) = (at, line, file);
        program.generate_row();
    }
    // No instruction is left for the last row.
    program.end_sequence(8);
    let dwarf = read(&written(&mut dwarf));
    let line = |address| told(&dwarf, address).first().and_then(|(_, line, _)| line.clone());
    let at = |line: u32| Some(format!("inner.c:{line}"));
    let ends = |line: Option<String>| line.map(|line| line.rsplit('/').next().unwrap_or_default().to_owned());
    assert_eq!([0x40, 0x44, 0x48].map(line).map(ends), [at(9), at(5), None]);
}

/// Units whose line programs overlap: a few bytes each, and behind all of them many instructions that make no
/// row.
#[test]
fn line_programs_that_overlap_are_paid_for_each_time() {
    const COUNT: u32 = 4000;
    const HEADER: u32 = 37;
    let idle = 1 << 19;
    let (mut lines, mut units) = (Vec::new(), Vec::new());
    // Abbreviation 1: a unit without children that names its line program by an offset of 4 bytes.
    let abbreviations = vec![1, 0x11, 0, 0x10, 0x17, 0, 0, 0];
    for number in 0..COUNT {
        units.extend([12, 0, 0, 0, 4, 0, 0, 0, 0, 0, 4, 1]);
        units.extend((number * HEADER).to_le_bytes());
        // Each reaches to the end.
        let rest = (COUNT - number) * HEADER + idle;
        lines.extend((rest - 4).to_le_bytes());
        // Version 4, length of the header, then its contents: no folders, no files.
        lines.extend([4, 0, 20, 0, 0, 0, 1, 1, 1, 0, 1, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0]);
        // An unknown extended instruction over all headers that follow.
        let over = (COUNT - number - 1) * HEADER;
        lines.extend([0]);
        let mut len = leb(over + 1);
        len.resize(5, 0);
        (0..4).for_each(|at| len[at] |= 0x80);
        lines.extend(len);
        lines.push(0x81);
        assert_eq!(lines.len() as u32, (number + 1) * HEADER);
    }
    // `DW_LNS_negate_stmt`.
    lines.extend(vec![6; idle as usize]);
    let sections = [(".debug_info", units), (".debug_abbrev", abbreviations), (".debug_line", lines)];
    assert!(read(&sections).is_cut());
}

/// Every byte of every section once changed in several ways, and every section cut anywhere.
#[test]
fn damaged_debug_information_is_read_as_far_as_it_goes() {
    for version in [4, 5] {
        let sections = made(version);
        for (position, (_, bytes)) in sections.iter().enumerate() {
            for at in 0..bytes.len() {
                for change in [0xff, 0x80, 0x01, 0x7f] {
                    let mut damaged = sections.clone();
                    damaged[position].1[at] ^= change;
                    told(&read(&damaged), 0x15);
                }
                let mut cut = sections.clone();
                cut[position].1.truncate(at);
                told(&read(&cut), 0x15);
            }
        }
    }
}

/// Ten thousand inlined calls that share one list of ten thousand ranges, and as many units that share a
/// table of abbreviations. Read as they stand, that is a hundred million.
#[test]
fn what_is_shared_is_paid_for_each_time() {
    let (mut dwarf, _) = with_lines(4);
    let unit = &mut dwarf.unit;
    let ranges =
        (0..10_000u64).map(|at| Range::StartLength { begin: Address::Constant(0x10 + at), length: 1 });
    let ranges = unit.ranges.add(RangeList(ranges.collect()));
    let outer = unit.add(unit.root(), gimli::DW_TAG_subprogram);
    for _ in 0..10_000 {
        let call = unit.add(outer, gimli::DW_TAG_inlined_subroutine);
        unit.get_mut(call).set(gimli::DW_AT_ranges, AttributeValue::RangeListRef(ranges));
    }
    let found = read(&written(&mut dwarf));
    assert!(found.is_cut() && found.spans.len() <= crate::module::limits::DEBUG_SPANS);
    assert!(found.frames(CodeOffset(CODE + 0x20)).len() <= INLINED_FRAMES);

    let mut table: Vec<u8> =
        (1..=40_000u32).flat_map(|code| leb(code).into_iter().chain([0x11, 0, 0, 0])).collect();
    table.push(0);
    // Length 8, version 4, abbreviations at 0, addresses of 4 bytes, an entry.
    let unit = [8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 4, 1];
    let found = read(&[(".debug_info", unit.repeat(10_000)), (".debug_abbrev", table)]);
    assert!(found.is_cut());
}

fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 & 0x7f | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
