//! Reading lines, functions and inlined calls of DWARF within a budget.

use std::collections::{HashMap, HashSet};

use gimli::{
    AttributeValue, DebuggingInformationEntry, EndianSlice, LittleEndian, Section as _, SectionId, Unit,
    UnitHeader,
};

use super::{Dwarf, Position, Row, Span, features::Counter};
use crate::module::limits::{
    DEBUG_ABBREVIATIONS, DEBUG_LINE_HEADER, DEBUG_NAME, DEBUG_NAME_HOPS, DEBUG_ROWS, DEBUG_SPANS,
    DEBUG_STEPS, DEBUG_STEPS_PER_BYTE,
};

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Value<'a> = AttributeValue<Slice<'a>>;
type Tree<'a> = gimli::Dwarf<Slice<'a>>;

/// The budget is spent.
struct Spent;

/// Ends the unit, not the file, where DWARF is broken.
enum Stop {
    Broken,
    Spent,
}

impl From<gimli::Error> for Stop {
    fn from(_: gimli::Error) -> Self {
        Self::Broken
    }
}

impl From<Spent> for Stop {
    fn from(Spent: Spent) -> Self {
        Self::Spent
    }
}

/// What a name is taken from: itself, or another entry.
enum Named {
    Name(u32),
    From(usize),
}

/// Reads one module's debug information.
pub(super) struct Reader<'a> {
    dwarf: Tree<'a>,
    /// Steps left: an attribute, a row, a range, a few bytes of a name being one.
    steps: u64,
    code: u32,
    found: Dwarf,
    /// Line programs that were read.
    programs: HashSet<usize>,
    /// Entry of a function, by its offset in the section → its name.
    named: HashMap<usize, Named>,
    /// Span → entry whose name it has.
    unnamed: Vec<(usize, usize)>,
    counter: Counter,
}

/// The files of a unit's line program, by their number there.
type Files = HashMap<u64, Option<u32>>;

impl<'a> Reader<'a> {
    /// Reads what the budget allows.
    pub(super) fn read(sections: &[(&str, &'a [u8])], code: u32) -> Dwarf {
        let bytes = |id: SectionId| {
            let found = sections.iter().find(|(name, _)| *name == id.name());
            Ok::<_, Spent>(EndianSlice::new(found.map_or(&[][..], |(_, bytes)| bytes), LittleEndian))
        };
        let Ok(dwarf) = gimli::Dwarf::load(bytes) else { return Dwarf::default() };
        let len: u64 = sections.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let mut reader = Self {
            dwarf,
            steps: DEBUG_STEPS.saturating_add(len.saturating_mul(DEBUG_STEPS_PER_BYTE)),
            code,
            found: Dwarf::default(),
            programs: HashSet::new(),
            named: HashMap::new(),
            unnamed: Vec::new(),
            counter: Counter::default(),
        };
        reader.found.is_cut = reader.units().is_err();
        reader.name_spans();
        reader.found.features = reader.counter.finish();
        reader.found
    }

    fn spend(&mut self, steps: usize) -> Result<(), Spent> {
        self.steps = self.steps.checked_sub(steps as u64).ok_or(Spent)?;
        Ok(())
    }

    fn units(&mut self) -> Result<(), Spent> {
        let mut units = self.dwarf.units();
        // A broken header hides where the next unit begins.
        while let Ok(Some(header)) = units.next() {
            self.spend(1)?;
            if let Err(Stop::Spent) = self.unit(header) {
                return Err(Spent);
            }
        }
        Ok(())
    }

    fn unit(&mut self, header: UnitHeader<Slice<'a>>) -> Result<(), Stop> {
        let table = self.dwarf.debug_abbrev.reader().slice();
        let len = abbreviations_len(table.get(header.debug_abbrev_offset().0..).unwrap_or_default());
        self.spend(len)?;
        if len > DEBUG_ABBREVIATIONS {
            return Err(Stop::Broken);
        }
        let abbreviations = self.dwarf.abbreviations(&header)?;
        let program = self.program_of(&header, &abbreviations)?;
        let unit = Unit::new_with_abbreviations(&self.dwarf, header, abbreviations)?;
        let strings = [unit.name, unit.comp_dir].into_iter().flatten().map(|text| text.len() / 8);
        self.spend(strings.sum())?;
        let mut files = Files::new();
        if let Some(offset) = program
            && self.programs.insert(offset)
        {
            self.lines(&unit, &mut files)?;
        }
        let done = self.entries(&unit, &mut files);
        self.counter.unit(unit.header.version(), &unit.abbreviations);
        done
    }

    /// Where the line program of a unit stands, paid for before anybody reads its header.
    fn program_of(
        &mut self,
        header: &UnitHeader<Slice<'a>>,
        abbreviations: &gimli::Abbreviations,
    ) -> Result<Option<usize>, Stop> {
        let mut entries = header.entries_raw(abbreviations, None)?;
        let Some(root) = entries.read_abbreviation()? else { return Err(Stop::Broken) };
        self.spend(root.attributes().len())?;
        for &spec in root.attributes() {
            let attribute = entries.read_attribute(spec)?;
            let AttributeValue::DebugLineRef(offset) = attribute.value() else { continue };
            if attribute.name() == gimli::DW_AT_stmt_list {
                let section = self.dwarf.debug_line.reader().slice();
                let len = line_header_len(section.get(offset.0..).unwrap_or_default());
                self.spend(len)?;
                if len > DEBUG_LINE_HEADER {
                    return Err(Stop::Broken);
                }
                return Ok(Some(offset.0));
            }
        }
        Ok(None)
    }

    fn lines(&mut self, unit: &Unit<Slice<'a>>, files: &mut Files) -> Result<(), Stop> {
        let Some(program) = unit.line_program.clone() else { return Ok(()) };
        // Programs may overlap, and most of their instructions make no row.
        self.spend(program.header().raw_program_buf().len())?;
        let mut rows = program.rows();
        // Dead functions keep their lines, at addresses that no code has.
        let (mut dead, mut first) = (None, self.found.rows.len());
        while let Some((header, row)) = rows.next_row()? {
            self.spend(1)?;
            let address = u32::try_from(row.address()).ok();
            let is_dead = *dead.get_or_insert(address.is_none_or(|address| address == 0));
            let address = address.and_then(|address| self.code.checked_add(address));
            let at = match row.end_sequence() {
                true => {
                    dead = None;
                    None
                }
                false => self.file(unit, header, row.file_index(), files)?.map(|file| Position {
                    file,
                    line: row.line().map_or(0, |line| u32::try_from(line.get()).unwrap_or(0)),
                    column: column(row.column()),
                }),
            };
            if let Some(address) = address.filter(|_| !is_dead) {
                self.row(first, Row { address, at })?;
            }
            if row.end_sequence() {
                first = self.found.rows.len();
            }
        }
        Ok(())
    }

    /// Keeps a row of the sequence whose rows begin with number `first`. Of those at one address the last
    /// counts: no instruction stands between them.
    fn row(&mut self, first: usize, row: Row) -> Result<(), Stop> {
        let rows = &mut self.found.rows;
        let last = rows.get(first..).and_then(<[Row]>::last);
        if last.is_some_and(|last| last.address == row.address) {
            rows.pop();
        }
        if rows.len() >= DEBUG_ROWS {
            return Err(Stop::Spent);
        }
        rows.push(row);
        Ok(())
    }

    /// The number of a file in the list of all.
    fn file(
        &mut self,
        unit: &Unit<Slice<'a>>,
        header: &gimli::LineProgramHeader<Slice<'a>>,
        index: u64,
        files: &mut Files,
    ) -> Result<Option<u32>, Stop> {
        if let Some(known) = files.get(&index) {
            return Ok(*known);
        }
        let Some(entry) = header.file(index) else { return Ok(None) };
        let name = self.text(unit, entry.path_name())?;
        let folder = match entry.directory(header) {
            Some(folder) => self.text(unit, folder)?,
            None => None,
        };
        let root = unit.comp_dir.map(|folder| clipped(folder.slice()));
        self.spend(root.as_ref().map_or(0, String::len))?;
        let path = name.map(|name| join(root, folder, name));
        let number = path.map(|path| {
            self.found.files.push(path);
            (self.found.files.len() - 1) as u32
        });
        files.insert(index, number);
        Ok(number)
    }

    /// A string of the debug information, cut where it is longer than any name.
    fn text(&mut self, unit: &Unit<Slice<'a>>, value: Value<'a>) -> Result<Option<String>, Stop> {
        let Ok(text) = self.dwarf.attr_string(unit, value) else { return Ok(None) };
        self.spend(text.len() / 8 + text.len().min(DEBUG_NAME))?;
        Ok(Some(clipped(text.slice())))
    }

    fn entries(&mut self, unit: &Unit<Slice<'a>>, files: &mut Files) -> Result<(), Stop> {
        let mut entries = unit.entries_raw(None)?;
        let mut entry = DebuggingInformationEntry::null();
        while !entries.is_empty() {
            let offset = entries.next_offset();
            let Some(abbreviation) = entries.read_abbreviation()? else {
                self.spend(1)?;
                continue;
            };
            self.spend(1 + abbreviation.attributes().len())?;
            self.counter.entry(abbreviation.code());
            let (tag, specs) = (abbreviation.tag(), abbreviation.attributes());
            if tag == gimli::DW_TAG_compile_unit {
                entries.read_attributes(specs, &mut entry.attrs)?;
                self.root(unit, &entry)?;
                continue;
            }
            if !matches!(tag, gimli::DW_TAG_subprogram | gimli::DW_TAG_inlined_subroutine) {
                entries.skip_attributes(specs)?;
                continue;
            }
            entries.read_attributes(specs, &mut entry.attrs)?;
            let Some(at) = offset.to_debug_info_offset(&unit.header) else { continue };
            let name = self.name(unit, &entry)?;
            let is_inlined = tag == gimli::DW_TAG_inlined_subroutine;
            let call = if is_inlined { self.call(unit, &entry, files)? } else { None };
            self.spans(unit, &entry, at.0, call)?;
            if let Some(name) = name {
                self.named.insert(at.0, name);
            }
        }
        Ok(())
    }

    /// What a unit says of its language and its compiler.
    fn root(
        &mut self,
        unit: &Unit<Slice<'a>>,
        entry: &DebuggingInformationEntry<Slice<'a>>,
    ) -> Result<(), Stop> {
        let language = match entry.attr_value(gimli::DW_AT_language) {
            Some(AttributeValue::Language(language)) => Some(language),
            _ => None,
        };
        let producer = match entry.attr_value(gimli::DW_AT_producer) {
            Some(value) => self.text(unit, value)?,
            None => None,
        };
        self.counter.root(language, producer);
        Ok(())
    }

    /// The name of an entry. The name for the linker is taken first: it tells more than that in the source.
    fn name(
        &mut self,
        unit: &Unit<Slice<'a>>,
        entry: &DebuggingInformationEntry<Slice<'a>>,
    ) -> Result<Option<Named>, Stop> {
        let own = [gimli::DW_AT_linkage_name, gimli::DW_AT_MIPS_linkage_name, gimli::DW_AT_name];
        if let Some(value) = own.iter().find_map(|&name| entry.attr_value(name)) {
            let text = self.text(unit, value)?;
            return Ok(text.map(|text| {
                self.found.names.push(text);
                Named::Name((self.found.names.len() - 1) as u32)
            }));
        }
        let others = [gimli::DW_AT_abstract_origin, gimli::DW_AT_specification];
        let other = others.iter().find_map(|&name| entry.attr_value(name));
        Ok(match other {
            Some(AttributeValue::UnitRef(offset)) => {
                offset.to_debug_info_offset(&unit.header).map(|offset| Named::From(offset.0))
            }
            Some(AttributeValue::DebugInfoRef(offset)) => Some(Named::From(offset.0)),
            _ => None,
        })
    }

    /// Where an inlined call was made.
    fn call(
        &mut self,
        unit: &Unit<Slice<'a>>,
        entry: &DebuggingInformationEntry<Slice<'a>>,
        files: &mut Files,
    ) -> Result<Option<Position>, Stop> {
        let number = |name| entry.attr_value(name).and_then(|value| value.udata_value());
        let file = match entry.attr_value(gimli::DW_AT_call_file) {
            Some(AttributeValue::FileIndex(index)) => index,
            Some(value) => value.udata_value().unwrap_or(0),
            None => return Ok(None),
        };
        let Some(program) = &unit.line_program else { return Ok(None) };
        let header = program.header();
        let small = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        let (line, column) = (small(number(gimli::DW_AT_call_line)), small(number(gimli::DW_AT_call_column)));
        let file = self.file(unit, header, file, files)?;
        Ok(file.map(|file| Position { file, line, column }))
    }

    fn spans(
        &mut self,
        unit: &Unit<Slice<'a>>,
        entry: &DebuggingInformationEntry<Slice<'a>>,
        at: usize,
        call: Option<Position>,
    ) -> Result<(), Stop> {
        let low = match entry.attr_value(gimli::DW_AT_low_pc) {
            Some(value) => self.dwarf.attr_address(unit, value)?,
            None => None,
        };
        let high = match entry.attr_value(gimli::DW_AT_high_pc) {
            Some(AttributeValue::Udata(len)) => low.and_then(|low| low.checked_add(len)),
            Some(value) => match self.dwarf.attr_address(unit, value)? {
                Some(high) => Some(high),
                None => value.udata_value().and_then(|len| low?.checked_add(len)),
            },
            None => None,
        };
        if let (Some(low), Some(high)) = (low, high) {
            return self.span(low, high, at, call);
        }
        let Some(value) = entry.attr_value(gimli::DW_AT_ranges) else { return Ok(()) };
        let Some(mut ranges) = self.dwarf.attr_ranges(unit, value)? else { return Ok(()) };
        while let Some(raw) = ranges.next_raw()? {
            self.spend(1)?;
            if let Some(range) = ranges.convert_raw(raw)? {
                self.span(range.begin, range.end, at, call)?;
            }
        }
        Ok(())
    }

    fn span(&mut self, low: u64, high: u64, at: usize, call: Option<Position>) -> Result<(), Stop> {
        let place = |address: u64| self.code.checked_add(u32::try_from(address).ok()?);
        let (Some(begin), Some(end)) = (place(low), place(high)) else { return Ok(()) };
        // At 0 there is no code: the linker took it away.
        if low == 0 || begin >= end {
            return Ok(());
        }
        if self.found.spans.len() >= DEBUG_SPANS {
            return Err(Stop::Spent);
        }
        self.unnamed.push((self.found.spans.len(), at));
        self.found.spans.push(Span { begin, end, name: None, call, parent: None });
        Ok(())
    }

    /// Gives spans their names, which may stand in entries behind theirs.
    fn name_spans(&mut self) {
        for &(span, entry) in &self.unnamed {
            let mut at = entry;
            for _ in 0..DEBUG_NAME_HOPS {
                match self.named.get(&at) {
                    Some(Named::From(other)) => at = *other,
                    Some(Named::Name(name)) => {
                        self.found.spans[span].name = Some(*name);
                        break;
                    }
                    None => break,
                }
            }
        }
    }
}

fn column(column: gimli::ColumnType) -> u32 {
    match column {
        gimli::ColumnType::Column(column) => u32::try_from(column.get()).unwrap_or(0),
        gimli::ColumnType::LeftEdge => 0,
    }
}

/// Text of the debug information; what is not UTF-8 is no text of a compiler's.
fn clipped(bytes: &[u8]) -> String {
    let head = bytes.get(..DEBUG_NAME).unwrap_or(bytes);
    String::from_utf8_lossy(head).into_owned()
}

fn join(root: Option<String>, folder: Option<String>, name: String) -> String {
    let is_absolute = |path: &str| path.starts_with('/') || path.get(1..2) == Some(":");
    let mut path = name;
    for above in [folder, root].into_iter().flatten() {
        if is_absolute(&path) || above.is_empty() {
            continue;
        }
        path = format!("{}/{path}", above.trim_end_matches('/'));
    }
    path
}

/// Bytes of a table of abbreviations, up to the 0 that ends it.
fn abbreviations_len(table: &[u8]) -> usize {
    let mut rest = EndianSlice::new(table, LittleEndian);
    // An error leaves what was read before it.
    let _ = skip_abbreviations(&mut rest);
    table.len() - rest.len()
}

fn skip_abbreviations(rest: &mut Slice<'_>) -> gimli::Result<()> {
    use gimli::Reader as _;
    while rest.read_uleb128()? != 0 {
        rest.read_uleb128()?;
        rest.read_u8()?;
        loop {
            let (name, form) = (rest.read_uleb128()?, rest.read_uleb128()?);
            if form == u64::from(gimli::DW_FORM_implicit_const.0) {
                rest.read_sleb128()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
        }
    }
    Ok(())
}

/// Bytes of the header of a line program, as it says; those of what there is if it says more.
fn line_header_len(program: &[u8]) -> usize {
    use gimli::Reader as _;
    let mut rest = EndianSlice::new(program, LittleEndian);
    let mut len = || -> gimli::Result<usize> {
        let (_, format) = rest.read_initial_length()?;
        if rest.read_u16()? >= 5 {
            rest.skip(2)?;
        }
        rest.read_offset(format)
    };
    len().map_or(program.len(), |len| len.min(program.len()))
}
