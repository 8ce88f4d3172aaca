//! What a view says of a function, and how its body is read for it.
//!
//! A body is read once: each operator is counted here and goes on to the decoder of [`Code`], which makes
//! blocks. Nothing of it is kept but the figures, so memory follows the number of functions and loops and not
//! the code.

use std::{collections::BTreeMap, sync::Arc};

use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::Serialize;
use wasmparser::{BinaryReader, BlockType, FunctionBody, Operator};

use super::limits::MAX_SHARED;
use super::{
    Classes, Library, Origin, calls::Calls, crypto::Immediates, fingerprint::Fingerprints, proposal::Uses,
};
use crate::module::{
    Code, CodeOffset, FuncIndex, OPCODES, Opcode, ParseError, TableIndex,
    cfg::Cfg,
    decode::{Space, decode_with},
    signatures::{COUNT, SIGNATURES, windows},
};

/// A defined function.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Function {
    /// Its index.
    pub index: FuncIndex,
    /// Its name in the name section, or the first name it is exported by.
    pub name: Option<Box<str>>,
    /// Its name as the source has it, if a compiler of Rust or C++ mangled it, or Go's runtime keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demangled: Option<Box<str>>,
    /// The function of a well-known library that its code is equal to, if it is: a name, and no proof of what
    /// it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<Library>,
    /// Offset of its body in the file, or behind it: `linked_from` of the component says from where on.
    pub offset: CodeOffset,
    /// Where it comes from, if the program of a component is several modules that became one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Size of its body in bytes.
    pub size: u32,
    /// Its type in the text format. Functions of one type share it.
    pub ty: Arc<str>,
    /// Number of locals, parameters left out.
    pub locals: u64,
    /// Deepest nesting of blocks.
    pub depth: u32,
    /// Its instructions. Small functions with the same figures share them.
    pub classes: Arc<Classes>,
    /// Longest run of `nop`.
    pub nop_run: u32,
    /// Basic blocks that can be reached from the entry. A call does not end one; see [`Cfg`].
    pub blocks: u32,
    /// Edges between them.
    pub edges: u32,
    /// Cyclomatic complexity: edges - blocks + 2, with all ends as one exit; at least 1.
    pub cyclomatic: u32,
    /// Natural loops.
    pub loops: Box<[Loop]>,
    /// Instructions that no path reaches.
    pub unreachable: u32,
    /// Functions that it calls directly, ascending, without repetition.
    pub callees: Box<[FuncIndex]>,
    /// MineThrottle windows in its basic blocks, by signature name.
    pub signatures: BTreeMap<String, u32>,
    /// Suspicion score after WASMShark's rules, with its flags; see `docs/comparison.md`.
    pub score: u32,
    /// Why it has that score, such as `NOP_SLED`.
    pub flags: Box<[String]>,
    /// Why its body could not be decoded, if so.
    pub error: Option<Box<str>>,
}

impl Function {
    /// Its name as the source has it.
    pub fn called(&self) -> Option<&str> {
        self.demangled.as_deref().or(self.name.as_deref())
    }
}

/// A natural loop.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Loop {
    /// Its header: index of the block in the function's [`Code`](crate::module::Code).
    pub header: u32,
    /// Offset of the first instruction of the header.
    pub offset: CodeOffset,
    /// Nesting: 1 is an outermost loop.
    pub depth: u32,
    /// Number of blocks.
    pub blocks: u32,
    /// Back edges.
    pub back_edges: u32,
}

/// WASMShark's rules: figure, threshold that it must exceed, points, flag. Of rules with one figure the first
/// that holds counts.
const RULES: &[(Figure, u64, u32, &str)] = &[
    (Figure::NopRun, 50, 20, "NOP_SLED"),
    (Figure::Xor, 25, 15, "XOR_HEAVY"),
    (Figure::Rotate, 10, 10, "ROTATE_HEAVY"),
    (Figure::IndirectCall, 0, 10, "INDIRECT_CALL"),
    (Figure::Size, 65_536, 30, "HUGE_FUNCTION"),
    (Figure::Size, 10_000, 10, "LARGE_FUNCTION"),
    (Figure::Cyclomatic, 50, 15, "HIGH_CYCLOMATIC"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    NopRun,
    Xor,
    Rotate,
    IndirectCall,
    Size,
    Cyclomatic,
}

impl Function {
    /// A function without anything yet: `size` bytes at `offset`.
    pub(crate) fn new(index: FuncIndex, offset: CodeOffset, size: u32) -> Self {
        Self {
            index,
            name: None,
            demangled: None,
            library: None,
            offset,
            origin: None,
            size,
            ty: Arc::default(),
            locals: 0,
            depth: 0,
            classes: Arc::default(),
            nop_run: 0,
            blocks: 0,
            edges: 0,
            cyclomatic: 1,
            loops: Box::default(),
            unreachable: 0,
            callees: Box::default(),
            signatures: BTreeMap::new(),
            score: 0,
            flags: Box::default(),
            error: None,
        }
    }

    fn figure(&self, figure: Figure) -> u64 {
        match figure {
            Figure::NopRun => self.nop_run.into(),
            Figure::Xor => self.classes.xor,
            Figure::Rotate => self.classes.rotate,
            Figure::IndirectCall => self.classes.indirect_call,
            Figure::Size => self.size.into(),
            Figure::Cyclomatic => self.cyclomatic.into(),
        }
    }

    fn judge(&mut self) {
        let (mut last, mut flags) = (None, Vec::new());
        for &(figure, threshold, points, flag) in RULES {
            if last != Some(figure) && self.figure(figure) > threshold {
                last = Some(figure);
                self.score = (self.score + points).min(100);
                flags.push(flag.to_owned());
            }
        }
        self.flags = flags.into();
    }

    /// What the decoded body says.
    fn draw(&mut self, code: &Code) {
        let cfg = Cfg::of(code);
        (self.blocks, self.edges, self.cyclomatic) = (cfg.block_count, cfg.edge_count, cfg.cyclomatic());
        let (mut reachable, mut found) = (0, [0u32; COUNT]);
        for block in code.blocks() {
            reachable += block.len;
            let ops = code.ops().get(block.range()).unwrap_or_default();
            for (sum, n) in found.iter_mut().zip(windows(ops)) {
                *sum += n;
            }
        }
        self.unreachable = (code.ops().len() as u32).saturating_sub(reachable);
        let found = SIGNATURES.into_iter().zip(found).filter(|(_, n)| *n != 0);
        self.signatures = found.map(|(name, n)| (name.to_owned(), n)).collect();
        self.loops = loops(&cfg, code).into();
    }
}

/// The loops of a function, each with the offset of its header.
fn loops(cfg: &Cfg, code: &Code) -> Vec<Loop> {
    let offset_of = |block: crate::module::BlockIndex| {
        let block = code.blocks().get(block.position());
        let first = block.and_then(|block| code.ops().get(block.first.position()));
        first.map_or(code.start(), |op| op.offset)
    };
    let natural = cfg.loops.iter().map(|natural| Loop {
        header: natural.header.0,
        offset: offset_of(natural.header),
        depth: natural.depth,
        blocks: natural.len() as u32,
        back_edges: natural.back_edges,
    });
    natural.collect()
}

/// Reads bodies one after the other; buffers are used again.
pub(super) struct BodyReader<'v> {
    space: Space,
    uses: &'v mut Uses,
    calls: &'v mut Calls,
    immediates: &'v mut Immediates,
    fingerprints: &'v mut Fingerprints,
    numbers: Vec<u64>,
    /// Figures that functions share.
    shared: HashMap<Classes, Arc<Classes>>,
}

impl<'v> BodyReader<'v> {
    pub(super) fn new(
        space: Space,
        uses: &'v mut Uses,
        calls: &'v mut Calls,
        immediates: &'v mut Immediates,
        fingerprints: &'v mut Fingerprints,
    ) -> Self {
        let (numbers, shared) = (vec![0; OPCODES], HashMap::new());
        Self { space, uses, calls, immediates, fingerprints, numbers, shared }
    }

    /// One copy of figures that many functions have: a module of 5 MB can have a million functions.
    fn share(&mut self, classes: Classes) -> Arc<Classes> {
        if let Some(shared) = self.shared.get(&classes) {
            return Arc::clone(shared);
        }
        let classes = Arc::new(classes);
        if self.shared.len() < MAX_SHARED {
            self.shared.insert(*classes, Arc::clone(&classes));
        }
        classes
    }

    /// Reads the body of function `index`, which stands at `offset` of the file.
    pub(super) fn read(&mut self, index: FuncIndex, bytes: &[u8], offset: u64) -> Function {
        let mut function = Function::new(index, CodeOffset(offset as u32), bytes.len() as u32);
        let code = self.walk(&mut function, bytes, offset);
        function.classes = self.share(Classes::of_histogram(&self.numbers));
        self.numbers.fill(0);
        match code {
            Ok(Ok(code)) => function.draw(&code),
            Ok(Err(error)) => function.error = Some(error.to_string().into()),
            Err(error) => {
                self.fingerprints.broken();
                let reason = format!("{} (byte {:#x})", error.message(), error.offset());
                function.error = Some(reason.into());
            }
        }
        function.callees = self.calls.finish(index).into();
        self.immediates.finish(index);
        function.judge();
        function
    }

    /// Counts operator by operator, while the decoder makes blocks of them.
    fn walk(
        &mut self,
        function: &mut Function,
        bytes: &[u8],
        offset: u64,
    ) -> wasmparser::Result<Result<Code, ParseError>> {
        let body = FunctionBody::new(BinaryReader::new(bytes, offset));
        let mut locals = body.get_locals_reader()?;
        let mut shape = self.fingerprints.begin(function.index, bytes, offset);
        for _ in 0..locals.get_count() {
            let (count, ty) = locals.read()?;
            function.locals = function.locals.saturating_add(count.into());
            shape.locals(count, ty);
        }
        let (mut depth, mut run) = (0u32, 0u32);
        let code = decode_with(&body, self.space, |operator, at| {
            self.fingerprints.operator(&mut shape, operator, at);
            run = if matches!(operator, Operator::Nop) { run + 1 } else { 0 };
            function.nop_run = function.nop_run.max(run);
            match operator {
                Operator::End => depth = depth.saturating_sub(1),
                Operator::Else => {}
                operator => self.operator(operator, at, &mut depth),
            }
            function.depth = function.depth.max(depth);
        })?;
        self.fingerprints.end(shape);
        Ok(code)
    }

    fn operator(&mut self, operator: &Operator<'_>, at: u64, depth: &mut u32) {
        if let Some(opcode) = Opcode::of(operator) {
            let number = &mut self.numbers[opcode as usize];
            *number += 1;
            if *number == 1 {
                self.uses.opcode(opcode, at);
            }
        }
        match *operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                *depth += 1;
                if matches!(blockty, BlockType::FuncType(_)) {
                    self.uses.named("multi value", at);
                }
            }
            Operator::Try { .. } | Operator::TryTable { .. } => *depth += 1,
            Operator::I32Const { value } => self.immediates.word32(value as u32, at),
            Operator::I64Const { value } => self.immediates.word64(value as u64, at),
            Operator::V128Const { value } => self.immediates.vector(value.bytes(), at),
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.calls.direct(function_index)
            }
            Operator::CallIndirect { type_index, table_index }
            | Operator::ReturnCallIndirect { type_index, table_index } => {
                if table_index != 0 {
                    self.uses.named("reference types", at);
                }
                self.calls.indirect(Some(TableIndex(table_index)), type_index);
            }
            Operator::CallRef { type_index } | Operator::ReturnCallRef { type_index } => {
                self.calls.indirect(None, type_index)
            }
            Operator::RefFunc { function_index } => self.calls.reference(function_index),
            _ => {}
        }
    }
}
