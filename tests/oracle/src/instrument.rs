//! Rewrites a module so that it counts what it executes.
//!
//! Only three sections change: *memory* gets one memory at its end, so that all indices stay valid, *export*
//! gets its name, and the bodies in *code* get counters (see `segment`). All other sections, the custom ones
//! too, are copied byte by byte. Nothing that the module can see changes, but how deep it can recurse:
//! counters need operand stack.
//!
//! The original is validated first, for what would be an invalid use of a memory in it could be a valid one
//! of the counters.

use crate::counts::{FuncIndex, Instrumented, Segment};
use crate::segment::{self, Counters, Placed};
use crate::{COUNTERS, Error, START};
use std::ops::Range;
use wasm_encoder::{Encode, Module, RawSection, SectionId};
use wasmparser::{ExternalKind, FunctionBody, Parser, Payload, TypeRef, Validator, WasmFeatures};

/// The most memories of a module, as the validator in wasmi has it.
const MAX_MEMORIES: u32 = 100;
/// The most bytes of a function body that all engines take.
const MAX_BODY_BYTES: usize = 7_654_321;
/// Bytes of a page of the counters' memory.
const PAGE_BYTES: usize = 1 << 16;
/// Counters that fit into a 32-bit memory, the running total left out.
const MAX_SEGMENTS: usize = (1 << 29) - 1;

/// How to instrument.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Stop with `unreachable` before the first segment that would start when at least so many instructions
    /// have been executed in this instance. All that ran before has been counted in full. So when instruction
    /// number `limit` ends a segment (a branch or a call does), exactly `limit` are counted. The instruction
    /// that reaches the limit still acts. A host function is called, and a run that ends with it returns or
    /// traps as it would have. None means no limit.
    pub limit: Option<u64>,
    /// Take the start function out and export it as [`START`](crate::START) for the host to call. So counters
    /// can be read when it traps: an engine does not hand out an instance whose start function failed.
    pub export_start: bool,
    /// Give each instruction a segment of its own. Slower by far; the counts must be the same, which is a
    /// check of what is taken to fall through.
    pub single: bool,
}

/// Adds counters to a module.
///
/// # Errors
/// When the module is not one that wasmi runs, or is too near to a limit of validation.
pub fn instrument(wasm: &[u8]) -> Result<Instrumented, Error> {
    instrument_with(wasm, &Options::default())
}

/// Adds counters to a module, and a stop once `max_instructions` have been executed; see [`Options::limit`].
///
/// # Errors
/// As [`instrument`].
pub fn instrument_with_limit(wasm: &[u8], max_instructions: u64) -> Result<Instrumented, Error> {
    instrument_with(wasm, &Options { limit: Some(max_instructions), ..Options::default() })
}

/// Adds counters to a module.
///
/// # Errors
/// As [`instrument`].
pub fn instrument_with(wasm: &[u8], options: &Options) -> Result<Instrumented, Error> {
    Validator::new_with_features(features()).validate_all(wasm)?;
    let scan = Scan::new(wasm)?;
    scan.check_exports()?;
    let placed = scan.split(options.single)?;
    let counters = Counters { memory: scan.memories, limit: options.limit };
    let code = scan.code(wasm, &counters, &placed)?;
    let segments: Vec<Segment> = placed.into_iter().flatten().map(|placed| placed.segment).collect();
    let wasm = scan.assemble(wasm, options, segments.len(), code)?;
    Ok(Instrumented { wasm, segments })
}

/// All that wasmi 2.0.0 can be told to run.
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::GC_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::FLOATS
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::MEMORY64
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::WIDE_ARITHMETIC
}

/// What the rewriting needs to know of a module.
#[derive(Default)]
struct Scan<'a> {
    /// Id and contents of each section, in order.
    sections: Vec<(u8, Range<u64>)>,
    bodies: Vec<FunctionBody<'a>>,
    exports: Vec<&'a str>,
    start: Option<u32>,
    imported_funcs: u32,
    /// Imported and defined.
    memories: u32,
}

impl<'a> Scan<'a> {
    fn new(wasm: &'a [u8]) -> Result<Self, Error> {
        let mut scan = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            scan.sections.extend(payload.as_section());
            scan.read(payload)?;
        }
        Ok(scan)
    }

    fn read(&mut self, payload: Payload<'a>) -> Result<(), Error> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import?.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => self.imported_funcs += 1,
                        TypeRef::Memory(_) => self.memories += 1,
                        _ => {}
                    }
                }
            }
            Payload::MemorySection(memories) => self.memories += memories.count(),
            Payload::ExportSection(exports) => {
                for export in exports {
                    self.exports.push(export?.name);
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            _ => {}
        }
        Ok(())
    }

    fn check_exports(&self) -> Result<(), Error> {
        match self.exports.iter().find(|name| [COUNTERS, START].contains(name)) {
            Some(name) => Err(Error::ExportTaken(name.to_string())),
            None => Ok(()),
        }
    }

    fn funcs(&self) -> impl Iterator<Item = (FuncIndex, &FunctionBody<'a>)> {
        (self.imported_funcs..).map(FuncIndex).zip(&self.bodies)
    }

    /// The segments of each body.
    fn split(&self, single: bool) -> Result<Vec<Vec<Placed>>, Error> {
        let placed = self
            .funcs()
            .map(|(func, body)| segment::split(func, body, single))
            .collect::<Result<Vec<_>, _>>()?;
        let given = placed.iter().map(Vec::len).sum();
        if given > MAX_SEGMENTS {
            return Err(Error::Segments { given, limit: MAX_SEGMENTS });
        }
        if self.memories >= MAX_MEMORIES {
            return Err(Error::Memories { given: self.memories, limit: MAX_MEMORIES });
        }
        Ok(placed)
    }

    /// The contents of the code section, with counters.
    fn code(&self, wasm: &[u8], counters: &Counters, placed: &[Vec<Placed>]) -> Result<Vec<u8>, Error> {
        let mut code = Vec::new();
        self.bodies.len().encode(&mut code);
        let mut first = 0;
        for ((func, body), placed) in self.funcs().zip(placed) {
            let bytes = counters.insert(wasm, body, first, placed);
            if bytes.len() > MAX_BODY_BYTES {
                return Err(Error::BodySize { func: func.0, given: bytes.len(), limit: MAX_BODY_BYTES });
            }
            bytes.encode(&mut code);
            first += placed.len();
        }
        Ok(code)
    }

    /// The whole module.
    fn assemble(
        &self,
        wasm: &[u8],
        options: &Options,
        segments: usize,
        code: Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        let mut exports = vec![(COUNTERS, ExternalKind::Memory, self.memories)];
        if let Some(start) = self.start.filter(|_| options.export_start) {
            exports.push((START, ExternalKind::Func, start));
        }
        let mut added = vec![
            (SectionId::Memory, vec![memory_entry(segments)]),
            (SectionId::Export, exports.iter().map(|export| export_entry(*export)).collect()),
        ];
        let mut module = Module::new();
        for (id, range) in &self.sections {
            let contents = &wasm[range.start as usize..range.end as usize];
            while added.first().is_some_and(|(next, _)| order(*id) > order(*next as u8)) {
                let (next, entries) = added.remove(0);
                section(&mut module, next as u8, &vector(&[0], &entries)?);
            }
            match added.first() {
                Some((next, entries)) if *next as u8 == *id => {
                    section(&mut module, *id, &vector(contents, entries)?);
                    added.remove(0);
                }
                _ if *id == SectionId::Start as u8 && options.export_start => {}
                _ if *id == SectionId::Code as u8 => section(&mut module, *id, &code),
                _ => section(&mut module, *id, contents),
            }
        }
        for (next, entries) in added {
            section(&mut module, next as u8, &vector(&[0], &entries)?);
        }
        Ok(module.finish())
    }
}

fn section(module: &mut Module, id: u8, data: &[u8]) {
    module.section(&RawSection { id, data });
}

/// The contents of a vector section with `entries` added at its end.
fn vector(contents: &[u8], entries: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
    let mut reader = wasmparser::BinaryReader::new(contents, 0);
    let count = reader.read_var_u32()? as usize + entries.len();
    let mut out = Vec::new();
    count.encode(&mut out);
    out.extend_from_slice(&contents[reader.current_position()..]);
    out.extend(entries.iter().flatten());
    Ok(out)
}

/// A 32-bit memory of constant size with one word for each segment and one for the total.
fn memory_entry(segments: usize) -> Vec<u8> {
    let pages = ((segments + 1) * 8).div_ceil(PAGE_BYTES) as u64;
    let memory = wasm_encoder::MemoryType {
        minimum: pages,
        maximum: Some(pages),
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    let mut out = Vec::new();
    memory.encode(&mut out);
    out
}

fn export_entry((name, kind, index): (&str, ExternalKind, u32)) -> Vec<u8> {
    let mut out = Vec::new();
    name.encode(&mut out);
    out.push(if kind == ExternalKind::Memory { 2 } else { 0 });
    index.encode(&mut out);
    out
}

/// Where a section stands in a module; custom sections (0) stand anywhere.
fn order(id: u8) -> usize {
    // Type, import, function, table, memory, tag, global, export, start, element, data count, code, data.
    const ORDER: [u8; 13] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];
    ORDER.iter().position(|known| *known == id).map_or(0, |place| place + 1)
}
