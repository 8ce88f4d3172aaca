//! Sections, and what is odd about their order, number and size.
//!
//! The frame of a section is its id and its size, and is read without a look at its contents. So a section
//! that is broken inside costs that section and not the rest of the file. Only a broken frame ends the
//! reading.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use wasmparser::{BinaryReader, CustomSectionReader};

use super::file::Histogram;
use super::kinds::AnomalyKind;
use super::limits::{MAX_OF_A_KIND, MAX_SECTIONS};

/// Custom sections that the view reads.
const KEPT_CUSTOM: &[&str] = &["name", "producers", "target_features"];
/// A custom section of more than this share of the file is oversized, unless toolchains write it …
const OVERSIZED_SHARE: f64 = 0.5;
/// … and it has at least so many bytes.
const OVERSIZED: usize = 4096;
/// Bytes that are encrypted or packed have more entropy than this; machine code, text and tables have less.
const HIGH_ENTROPY: f64 = 7.2;
/// Sections of indices of types and functions, which look random where there are many.
const INDICES: &[u8] = &[3, 9];
/// The entropy of fewer bytes says nothing.
const LEAST_FOR_ENTROPY: usize = 512;

/// A section.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Section {
    /// Id in the file.
    pub id: u8,
    /// `type`, `import`, …; for a custom section its own name.
    pub name: String,
    /// Whether it is a custom section.
    pub is_custom: bool,
    /// Offset of its contents in the file.
    pub offset: u64,
    /// Size of its contents in bytes.
    pub size: u64,
    /// Shannon entropy of its contents in bits per byte.
    pub entropy: f64,
    /// Chi-square of its contents.
    pub chi_square: f64,
}

/// Something odd about the file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Anomaly {
    /// What.
    pub kind: AnomalyKind,
    /// In words.
    pub detail: String,
    /// Where.
    pub offset: u64,
}

/// A list of anomalies that hostile files cannot blow up.
#[derive(Debug, Default)]
pub(super) struct Anomalies {
    kept: Vec<Anomaly>,
    /// Number of each kind that is kept.
    kinds: BTreeMap<AnomalyKind, usize>,
    cut: u64,
}

impl Anomalies {
    pub(super) fn note(&mut self, kind: AnomalyKind, offset: u64, detail: String) {
        let kept = self.kinds.entry(kind).or_default();
        if *kept < MAX_OF_A_KIND {
            *kept += 1;
            self.kept.push(Anomaly { kind, detail, offset });
        } else {
            self.cut += 1;
        }
    }

    /// Contents of a section that could be read up to here only.
    pub(super) fn malformed(&mut self, section: &str, error: &wasmparser::Error) {
        self.note(
            AnomalyKind::MalformedSection,
            error.offset(),
            format!("section `{section}`: {}", error.message()),
        );
    }

    /// All of them by place.
    pub(super) fn finish(mut self) -> Vec<Anomaly> {
        self.kept.sort_by_key(|anomaly| anomaly.offset);
        if self.cut != 0 {
            let detail = format!("{} more anomalies of the kinds above", self.cut);
            self.kept.push(Anomaly { kind: AnomalyKind::MoreAnomalies, detail, offset: 0 });
        }
        self.kept
    }
}

/// A section with its contents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) id: u8,
    /// Its kind, or the name of a custom section.
    pub(super) name: &'a str,
    /// Contents; of a custom section, what follows its name.
    pub(super) data: &'a [u8],
    /// Where `data` begins in the file.
    pub(super) offset: u64,
}

impl<'a> Frame<'a> {
    /// The module at a place of a file; `None` if the file ends before.
    pub(super) fn module(place: &std::ops::Range<usize>, file: &'a [u8]) -> Option<Self> {
        Some(Self { id: 1, name: "core_module", data: file.get(place.clone())?, offset: place.start as u64 })
    }

    pub(super) fn reader(&self) -> BinaryReader<'a> {
        BinaryReader::new(self.data, self.offset)
    }
}

/// Ids of sections of a module, in the order that the specification asks for, with their names.
const ORDER: &[(u8, &str)] = &[
    (1, "type"),
    (2, "import"),
    (3, "function"),
    (4, "table"),
    (5, "memory"),
    (13, "tag"),
    (6, "global"),
    (7, "export"),
    (8, "start"),
    (9, "element"),
    (12, "data_count"),
    (10, "code"),
    (11, "data"),
];

/// Names of the sections of a component, by id.
const COMPONENT: &[&str] = &[
    "custom",
    "core_module",
    "core_instance",
    "core_type",
    "component",
    "instance",
    "alias",
    "type",
    "canonical",
    "start",
    "import",
    "export",
    "value",
];

/// Custom sections that toolchains write.
const USUAL: &[&str] = &[
    "name",
    "producers",
    "target_features",
    "sourceMappingURL",
    "external_debug_info",
    "build_id",
    "dylink",
    "dylink.0",
    "linking",
    "metadata.code.branch_hint",
    "go:buildid",
    "go.buildid",
    "emscripten_metadata",
    "__wasm_bindgen_unstable",
    "component-name",
    "component-type",
    "branchHints",
];

fn is_usual(name: &str) -> bool {
    USUAL.contains(&name)
        || name.starts_with(".debug_")
        || name.starts_with("reloc.")
        || name.starts_with("component-type:")
}

/// The sections of a file.
pub(super) struct Frames<'a> {
    pub(super) frames: Vec<Frame<'a>>,
    pub(super) sections: Vec<Section>,
    /// Whether the header says that it is a component.
    pub(super) is_component: bool,
    /// Sections that are not kept.
    pub(super) cut: u64,
    /// Sizes that take more bytes than they need: the first, and how many.
    padded: Option<(u64, u32)>,
    /// Number of custom and of other sections that are kept.
    kept: [usize; 2],
    /// Whether a section of each id is kept, and of each name in [`KEPT_CUSTOM`].
    has: [bool; 256],
    has_custom: [bool; KEPT_CUSTOM.len()],
}

impl<'a> Frames<'a> {
    fn empty() -> Self {
        Self {
            frames: Vec::new(),
            sections: Vec::new(),
            is_component: false,
            cut: 0,
            padded: None,
            kept: [0; 2],
            has: [false; 256],
            has_custom: [false; KEPT_CUSTOM.len()],
        }
    }

    fn version(&mut self, bytes: Option<&[u8]>, offset: u64, anomalies: &mut Anomalies) {
        match bytes {
            Some([1, 0, 0, 0]) => {}
            Some([.., 1, 0]) => self.is_component = true,
            other => {
                let found = other.map_or_else(|| "nothing".to_owned(), |bytes| format!("{bytes:02x?}"));
                let detail = format!("version 01 00 00 00 expected, {found} found");
                anomalies.note(AnomalyKind::BadHeader, offset, detail);
            }
        }
    }

    /// Reads the frames of `bytes`, which begin at `offset` of the file.
    pub(super) fn read(bytes: &'a [u8], offset: u64, anomalies: &mut Anomalies) -> Self {
        let mut reader = BinaryReader::new(bytes, offset);
        let mut all = Self::empty();
        let magic = reader.read_bytes(4).unwrap_or_default();
        if magic != b"\0asm" {
            anomalies.note(
                AnomalyKind::BadHeader,
                offset,
                "the file does not begin with 00 61 73 6d".to_owned(),
            );
            return all;
        }
        all.version(reader.read_bytes(4).ok(), offset + 4, anomalies);
        let mut order = Order::default();
        while !reader.eof() {
            if !all.section(&mut reader, &mut order, anomalies) {
                break;
            }
        }
        if let Some((first, count)) = all.padded {
            let detail = format!(
                "{count} section sizes take more bytes than they need; linkers write them so to fill them in later"
            );
            anomalies.note(AnomalyKind::PaddedLeb, first, detail);
        }
        all
    }

    /// The largest core module of a component, those of components in it included to a depth of 8.
    pub(super) fn core_module(&self) -> Option<Frame<'a>> {
        largest_module(&self.frames, self.is_component, 8)
    }

    /// Reads one frame; false if nothing can follow it.
    fn section(
        &mut self,
        reader: &mut BinaryReader<'a>,
        order: &mut Order,
        anomalies: &mut Anomalies,
    ) -> bool {
        let begin = reader.original_position();
        let header = reader.read_u8().and_then(|id| {
            let at = reader.original_position();
            Ok((id, reader.read_var_u32()?, reader.original_position() - at))
        });
        let Ok((id, size, len_leb)) = header else {
            anomalies.note(
                AnomalyKind::TrailingBytes,
                begin,
                "what follows the last section is no section".to_owned(),
            );
            return false;
        };
        if len_leb > leb_len(size) {
            self.padded.get_or_insert((begin + 1, 0)).1 += 1;
        }
        let available = reader.bytes_remaining();
        let is_whole = size as usize <= available;
        if !is_whole {
            let detail = format!("section {id} claims {size} bytes, {available} are there");
            anomalies.note(AnomalyKind::TruncatedSection, begin, detail);
        }
        let offset = reader.original_position();
        let contents = reader.read_bytes(available.min(size as usize)).unwrap_or_default();
        let mut frame = Frame { id, name: self.name(id), data: contents, offset };
        if id == 0 {
            unwrap_custom(&mut frame, anomalies);
        } else if !self.is_component {
            order.check(&frame, begin, anomalies);
        }
        if self.has_room(&frame) {
            self.keep(frame, contents, offset, anomalies);
        } else {
            self.cut += 1;
        }
        is_whole
    }

    /// Whether a section is kept; if so it counts as kept.
    fn has_room(&mut self, frame: &Frame<'_>) -> bool {
        let is_first = match KEPT_CUSTOM.iter().position(|name| frame.id == 0 && *name == frame.name) {
            Some(position) => !std::mem::replace(&mut self.has_custom[position], true),
            None => !std::mem::replace(&mut self.has[usize::from(frame.id)], true),
        };
        let kept = &mut self.kept[usize::from(frame.id == 0)];
        *kept += 1;
        is_first || *kept <= MAX_SECTIONS
    }

    fn name(&self, id: u8) -> &'static str {
        let name = match self.is_component {
            true => COMPONENT.get(usize::from(id)).copied(),
            false => ORDER.iter().find(|(known, _)| *known == id).map(|(_, name)| *name),
        };
        name.unwrap_or("unknown")
    }

    fn keep(&mut self, frame: Frame<'a>, contents: &[u8], offset: u64, anomalies: &mut Anomalies) {
        let histogram = Histogram::of(contents);
        let (entropy, chi_square) = (histogram.entropy(), histogram.chi_square());
        if contents.is_empty() {
            anomalies.note(AnomalyKind::EmptySection, offset, format!("section `{}` is empty", frame.name));
        }
        if entropy > HIGH_ENTROPY && contents.len() >= LEAST_FOR_ENTROPY && !INDICES.contains(&frame.id) {
            let detail = format!("section `{}` has {entropy:.2} bits of entropy per byte", frame.name);
            anomalies.note(AnomalyKind::HighEntropySection, offset, detail);
        }
        let (id, is_custom) = (frame.id, frame.id == 0);
        let (name, size) = (frame.name.to_owned(), contents.len() as u64);
        self.sections.push(Section { id, name, is_custom, offset, size, entropy, chi_square });
        self.frames.push(frame);
    }
}

fn largest_module<'a>(frames: &[Frame<'a>], is_component: bool, depth: u32) -> Option<Frame<'a>> {
    if !is_component || depth == 0 {
        return None;
    }
    let modules = frames.iter().filter_map(|frame| match frame.id {
        1 => Some(*frame),
        4 => {
            let inner = Frames::read(frame.data, frame.offset, &mut Anomalies::default());
            largest_module(&inner.frames, inner.is_component, depth - 1)
        }
        _ => None,
    });
    modules.max_by_key(|module| module.data.len())
}

/// Takes the name off a custom section.
fn unwrap_custom(frame: &mut Frame<'_>, anomalies: &mut Anomalies) {
    match CustomSectionReader::new(frame.reader()) {
        Ok(custom) => {
            frame.name = custom.name();
            frame.offset = custom.data_offset();
            frame.data = custom.data();
        }
        Err(error) => {
            frame.name = "";
            anomalies.malformed("custom", &error);
        }
    }
}

/// Notes what can only be judged against the size of the whole file.
pub(super) fn judge_custom(frames: &[Frame<'_>], file_len: usize, anomalies: &mut Anomalies) {
    for frame in frames.iter().filter(|frame| frame.id == 0 && !is_usual(frame.name)) {
        let (name, len) = (frame.name.escape_debug(), frame.data.len());
        anomalies.note(
            AnomalyKind::UnusualCustomSection,
            frame.offset,
            format!("custom section `{name}` of {len} bytes is none that toolchains write"),
        );
        let share = len as f64 / file_len.max(1) as f64;
        if len >= OVERSIZED && share > OVERSIZED_SHARE {
            let detail = format!("custom section `{name}` is {:.0} % of the file", share * 100.0);
            anomalies.note(AnomalyKind::OversizedCustomSection, frame.offset, detail);
        }
    }
}

/// Keeps watch over the order of sections.
#[derive(Default)]
struct Order {
    seen: u32,
    last: usize,
}

impl Order {
    fn check(&mut self, frame: &Frame<'_>, begin: u64, anomalies: &mut Anomalies) {
        let Some(position) = ORDER.iter().position(|(id, _)| *id == frame.id) else {
            let (id, len) = (frame.id, frame.data.len());
            anomalies.note(
                AnomalyKind::UnknownSection,
                begin,
                format!("section with the unknown id {id} and {len} bytes"),
            );
            return;
        };
        if self.seen & 1 << position != 0 {
            anomalies.note(
                AnomalyKind::DuplicateSection,
                begin,
                format!("a second section `{}`", frame.name),
            );
        } else if position < self.last {
            let last = ORDER.get(self.last).map_or("", |(_, name)| name);
            anomalies.note(
                AnomalyKind::OutOfOrderSection,
                begin,
                format!("section `{}` after section `{last}`", frame.name),
            );
        }
        self.seen |= 1 << position;
        self.last = self.last.max(position);
    }
}

/// Bytes that LEB128 needs for `value`.
pub(super) fn leb_len(value: u32) -> u64 {
    u64::from((u32::BITS - (value | 1).leading_zeros()).div_ceil(7))
}
