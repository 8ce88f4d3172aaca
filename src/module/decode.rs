//! From the bytes of a function body to its blocks, in one pass.
//!
//! The control stack is a vector, so nesting costs heap and not native stack. Labels get numbers while the
//! pass runs and become blocks at its end. Code that cannot be reached makes no blocks. As in validation,
//! that depends on the control structure alone. It also depends on what can throw: a handler of nothing is
//! dead.
//!
//! Not here: types and operands. A body that does not validate is decoded as far as its control structure
//! makes sense, or refused.

mod handlers;

use std::sync::OnceLock;

use wasmparser::{BinaryReader, BrTable, FunctionBody, Operator};

use super::atomic::{Action, Atomic};
use super::code::{Block, BranchTable, Code, Exit, Meeting, Op, Pad, Takes, Ways};
use super::spin::Spins;
use super::{BlockIndex, CodeOffset, FuncIndex, OpIndex, Opcode, ParseError, ParseErrorKind};
use handlers::Handlers;

/// What a body may refer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    /// Imported functions.
    pub(super) imported: u32,
    /// All functions.
    pub(super) functions: u32,
    /// Whether the module begins threads.
    pub(super) is_threaded: bool,
}

/// Decodes the body in `bytes`, which begins at byte `start` of the module.
pub(super) fn decode(bytes: &[u8], start: u32, space: Space) -> Result<Code, ParseError> {
    let body = FunctionBody::new(BinaryReader::new(bytes, u64::from(start)));
    let mut reader = body.get_operators_reader()?;
    let mut decoder = Decoder::new(space, &body);
    while !reader.eof() {
        decoder.offset = reader.original_position();
        decoder.operator(&reader.read()?)?;
    }
    reader.finish()?;
    Ok(decoder.finish(start..start + bytes.len() as u32))
}

/// As [`decode`], for callers that want the operators too. `each` gets every one with its offset, to the end
/// of the body or to where no operator can be read. Control flow that makes no sense ends the blocks and not
/// the walk.
///
/// PERF: a body is read once for both; reading it takes most of the time.
pub(super) fn decode_with<'b>(
    body: &FunctionBody<'b>,
    space: Space,
    mut each: impl FnMut(&Operator<'b>, u64),
) -> Result<Result<Code, ParseError>, wasmparser::BinaryReaderError> {
    let mut reader = body.get_operators_reader()?;
    let (mut decoder, mut wrong) = (Decoder::new(space, body), None);
    while !reader.eof() {
        decoder.offset = reader.original_position();
        let operator = reader.read()?;
        each(&operator, decoder.offset);
        if wrong.is_none() {
            wrong = decoder.operator(&operator).err();
        }
    }
    let range = body.range();
    Ok(match wrong.map_or_else(|| reader.finish().map_err(ParseError::from), Err) {
        Ok(()) => Ok(decoder.finish(range.start as u32..range.end as u32)),
        Err(error) => Err(error),
    })
}

/// A label before its block is known.
#[derive(Debug, Clone, Copy)]
struct Label(u32);

impl Label {
    /// Stands in for the block until the end of the pass.
    fn placeholder(self) -> BlockIndex {
        BlockIndex(self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A `block`, an `else` arm, or the function itself.
    Block,
    Loop,
    If,
    /// The body of a `try` or `try_table`.
    Try,
    /// A handler of a `try`.
    Catch,
}

#[derive(Debug)]
struct Frame {
    kind: Kind,
    /// Where a branch goes: the `loop`, or what follows the `end`.
    label: Label,
    /// Of an `if`: where its bit 1 goes.
    otherwise: Label,
    /// Whether something goes to `label`.
    is_targeted: bool,
    /// Whether it was entered at all.
    is_live: bool,
    /// Position of the innermost frame, from this one outwards, in whose body an exception here is.
    scope: Option<usize>,
    /// Of a `try` or `try_table`.
    handlers: Option<Box<Handlers>>,
}

struct Decoder {
    space: Space,
    /// Of a module that begins threads.
    spins: Option<Spins>,
    /// Offset of the operator being read.
    offset: u64,
    ops: Vec<Op>,
    blocks: Vec<Block>,
    /// First instruction of the open block; `None` in dead code.
    open: Option<u32>,
    frames: Vec<Frame>,
    /// The block of each label.
    resolved: Vec<BlockIndex>,
    tables: Vec<BranchTable>,
    labels: Vec<BlockIndex>,
    pads: Vec<Pad>,
    takes: Vec<Takes>,
    /// Blocks that can throw, with the label of the landing pad.
    throws: Vec<(BlockIndex, Label)>,
    /// Blocks that end with a `throw`, with its tag.
    thrown: Vec<(BlockIndex, u32)>,
}

/// The label that an exit goes to, if it names one itself.
fn target_of(exit: &mut Exit) -> Option<&mut BlockIndex> {
    match exit {
        Exit::Skip(to) | Exit::Br(to) | Exit::BrLoop(to) | Exit::BrIf(to) | Exit::BrOn(to) | Exit::If(to) => {
            Some(to)
        }
        _ => None,
    }
}

impl Decoder {
    fn new(space: Space, body: &FunctionBody<'_>) -> Self {
        let spins = space.is_threaded.then(|| Spins::of(body));
        let (blocks, resolved) = (Vec::new(), Vec::new());
        let (ops, frames, tables, labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (pads, takes, throws, thrown) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (offset, open) = (0, Some(0));
        let mut decoder = Self {
            space,
            spins,
            offset,
            ops,
            blocks,
            open,
            frames,
            resolved,
            tables,
            labels,
            pads,
            takes,
            throws,
            thrown,
        };
        decoder.enter(Kind::Block);
        decoder
    }

    fn error(&self, kind: ParseErrorKind) -> ParseError {
        ParseError::new(kind, self.offset)
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Result<(), ParseError> {
        match operator {
            Operator::End => self.leave(),
            Operator::Else => self.change_arm(),
            operator => self.instruction(operator)?,
        }
        Ok(())
    }

    fn instruction(&mut self, operator: &Operator<'_>) -> Result<(), ParseError> {
        let opcode = Opcode::of(operator).ok_or_else(|| self.error(ParseErrorKind::UnknownOperator))?;
        match operator {
            Operator::Loop { .. } => self.cut(),
            Operator::Catch { tag_index } => self.catch(Takes::Tag(*tag_index)),
            Operator::CatchAll => self.catch(Takes::All),
            Operator::Delegate { relative_depth } => return self.delegate(*relative_depth),
            _ => {}
        }
        self.push_op(opcode);
        match operator {
            Operator::Block { .. } => self.enter(Kind::Block),
            Operator::Loop { .. } => {
                self.enter_loop();
                if self.spins.as_mut().is_some_and(Spins::next) {
                    self.split(Exit::Atomic(Meeting::Round));
                }
            }
            Operator::If { .. } => self.enter_if(),
            Operator::Try { .. } => self.enter_try(Vec::new(), false),
            Operator::TryTable { try_table } => self.enter_try_table(&try_table.catches)?,
            _ => self.exit(operator)?,
        }
        Ok(())
    }

    fn push_op(&mut self, opcode: Opcode) {
        self.ops.push(Op { offset: CodeOffset(self.offset as u32), opcode });
    }

    /// What ends a block.
    fn exit(&mut self, operator: &Operator<'_>) -> Result<(), ParseError> {
        match operator {
            Operator::Br { relative_depth } => self.br(*relative_depth)?,
            Operator::BrIf { relative_depth } => {
                let to = self.target(*relative_depth)?;
                self.split(Exit::BrIf(to.1.placeholder()));
            }
            Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. }
            | Operator::BrOnCastDescEq { relative_depth, .. }
            | Operator::BrOnCastDescEqFail { relative_depth, .. } => {
                let to = self.target(*relative_depth)?;
                self.split(Exit::BrOn(to.1.placeholder()));
            }
            Operator::BrTable { targets } => self.br_table(targets)?,
            Operator::Return => self.close(Exit::Return),
            Operator::Unreachable => self.close(Exit::Unreachable),
            Operator::MemoryGrow { .. } | Operator::TableGrow { .. } => self.split(Exit::Grow),
            Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::MemoryFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::TableFill { .. } => self.split(Exit::Bulk),
            operator if self.space.is_threaded && Atomic::of(operator).is_some() => {
                self.atomic(operator);
            }
            Operator::Throw { tag_index } => {
                if self.open.is_some() {
                    self.thrown.push((BlockIndex(self.blocks.len() as u32), *tag_index));
                }
                self.close(Exit::Throw);
            }
            Operator::ThrowRef => self.close(Exit::Throw),
            Operator::Rethrow { relative_depth } => {
                self.depth(*relative_depth)?;
                self.close(Exit::Throw);
            }
            Operator::Suspend { .. } | Operator::Switch { .. } => self.switch(&[])?,
            Operator::Resume { resume_table, .. }
            | Operator::ResumeThrow { resume_table, .. }
            | Operator::ResumeThrowRef { resume_table, .. } => self.switch(&resume_table.handlers)?,
            operator => self.call(operator)?,
        }
        Ok(())
    }

    /// An atomic operator where threads meet.
    fn atomic(&mut self, operator: &Operator<'_>) {
        match Atomic::of(operator).map(|atomic| atomic.action) {
            Some(Action::Wait) => self.split(Exit::Atomic(Meeting::Wait)),
            Some(Action::Notify) => self.split(Exit::Atomic(Meeting::Notify)),
            Some(_) => self.split(Exit::Atomic(Meeting::Pass)),
            None => {}
        }
    }

    /// A call, if it is one.
    fn call(&mut self, operator: &Operator<'_>) -> Result<(), ParseError> {
        match operator {
            Operator::Call { function_index } => {
                let exit = self.callee(*function_index, Exit::Call, Exit::CallImport)?;
                self.split(exit);
            }
            Operator::ReturnCall { function_index } => {
                let exit = self.callee(*function_index, Exit::ReturnCall, Exit::ReturnCallImport)?;
                self.close(exit);
            }
            Operator::CallIndirect { .. } => self.split(Exit::CallIndirect),
            Operator::ReturnCallIndirect { .. } => self.close(Exit::ReturnCallIndirect),
            Operator::CallRef { .. } => self.split(Exit::CallRef),
            Operator::ReturnCallRef { .. } => self.close(Exit::ReturnCallRef),
            _ => {}
        }
        Ok(())
    }

    /// Ends the open block, if there is one; what follows is dead.
    fn close(&mut self, exit: Exit) {
        if let Some(first) = self.open.take() {
            let len = self.ops.len() as u32 - first;
            if exit.can_throw() {
                self.throw();
            }
            self.blocks.push(Block { first: OpIndex(first), len, exit });
        }
    }

    /// Ends the open block and opens the next.
    fn split(&mut self, exit: Exit) {
        if self.open.is_some() {
            self.close(exit);
            self.open = Some(self.ops.len() as u32);
        }
    }

    /// Makes a block begin here if the code is live.
    fn cut(&mut self) {
        if self.open.is_some_and(|first| first as usize != self.ops.len()) {
            self.split(Exit::Next);
        }
    }

    /// Makes a block begin here, reached through labels.
    fn land(&mut self) {
        self.cut();
        self.open.get_or_insert(self.ops.len() as u32);
    }

    fn new_label(&mut self) -> Label {
        self.resolved.push(BlockIndex(u32::MAX));
        Label(self.resolved.len() as u32 - 1)
    }

    /// The open block is the block of `label`.
    fn resolve(&mut self, label: Label) {
        self.resolved[label.0 as usize] = BlockIndex(self.blocks.len() as u32);
    }

    fn enter(&mut self, kind: Kind) {
        let label = self.new_label();
        let is_live = self.open.is_some();
        let scope = self.scope();
        self.frames.push(Frame {
            kind,
            label,
            otherwise: label,
            is_targeted: false,
            is_live,
            scope,
            handlers: None,
        });
    }

    fn enter_loop(&mut self) {
        self.enter(Kind::Loop);
        let label = Label(self.resolved.len() as u32 - 1);
        self.resolve(label);
    }

    fn enter_if(&mut self) {
        self.enter(Kind::If);
        let otherwise = self.new_label();
        if let Some(frame) = self.frames.last_mut() {
            frame.otherwise = otherwise;
        }
        self.split(Exit::If(otherwise.placeholder()));
    }

    /// `else`. wasmparser has seen to it that the innermost frame is an `if`.
    fn change_arm(&mut self) {
        let Some(mut frame) = self.frames.pop() else { return };
        frame.is_targeted |= self.open.is_some();
        self.close(Exit::Skip(frame.label.placeholder()));
        if frame.is_live {
            self.land();
            self.resolve(frame.otherwise);
        }
        frame.kind = Kind::Block;
        self.frames.push(frame);
    }

    /// `end`.
    fn leave(&mut self) {
        self.leave_scope();
        let Some(frame) = self.frames.pop() else { return };
        let is_if = frame.kind == Kind::If;
        if frame.is_live && frame.kind != Kind::Loop && (frame.is_targeted || is_if) {
            self.land();
            self.resolve(frame.label);
            if is_if {
                self.resolve(frame.otherwise);
            }
        }
        if self.frames.is_empty() {
            self.close(Exit::End);
        }
    }

    /// The position of the frame that a label names.
    fn depth(&self, depth: u32) -> Result<usize, ParseError> {
        let frames = self.frames.len();
        let error = || self.error(ParseErrorKind::LabelOutOfRange { label: depth, depth: frames });
        frames.checked_sub(1).and_then(|last| last.checked_sub(depth as usize)).ok_or_else(error)
    }

    /// The frame that a branch leads to, and its label.
    fn target(&mut self, depth: u32) -> Result<(Kind, Label), ParseError> {
        let position = self.depth(depth)?;
        let frame = &mut self.frames[position];
        frame.is_targeted |= self.open.is_some();
        Ok((frame.kind, frame.label))
    }

    fn br(&mut self, depth: u32) -> Result<(), ParseError> {
        let (kind, label) = self.target(depth)?;
        match kind {
            Kind::Loop => self.close(Exit::BrLoop(label.placeholder())),
            _ => self.close(Exit::Br(label.placeholder())),
        }
        Ok(())
    }

    fn br_table(&mut self, targets: &BrTable<'_>) -> Result<(), ParseError> {
        let default = targets.default();
        let mut differ = false;
        for depth in targets.targets() {
            differ |= depth? != default;
        }
        if !differ {
            return self.br(default);
        }
        let first = self.labels.len() as u32;
        for depth in targets.targets().chain([Ok(default)]) {
            let (_, label) = self.target(depth?)?;
            if self.open.is_some() {
                self.labels.push(label.placeholder());
            }
        }
        if self.open.is_some() {
            let table = self.tables.len() as u32;
            self.tables.push(BranchTable { first, len: self.labels.len() as u32 - first });
            self.close(Exit::BrTable(table));
        }
        Ok(())
    }

    fn callee(
        &self,
        func: u32,
        defined: fn(FuncIndex) -> Exit,
        imported: fn(FuncIndex) -> Exit,
    ) -> Result<Exit, ParseError> {
        let Space { imported: imports, functions, .. } = self.space;
        let func = FuncIndex(func);
        match func.0 {
            index if index < imports => Ok(imported(func)),
            index if index < functions => Ok(defined(func)),
            _ => Err(self.error(ParseErrorKind::FunctionOutOfRange { func, functions })),
        }
    }

    /// Puts blocks where labels stand in.
    fn finish(mut self, body: std::ops::Range<u32>) -> Code {
        let resolved = &self.resolved;
        let resolve = |label: &mut BlockIndex| *label = resolved[label.position()];
        self.blocks.iter_mut().filter_map(|block| target_of(&mut block.exit)).for_each(resolve);
        let pad_of = |&(block, label): &(BlockIndex, Label)| (block, resolved[label.0 as usize]);
        let throws = self.throws.iter().map(pad_of).collect();
        self.labels.iter_mut().for_each(resolve);
        let ways = Ways {
            tables: self.tables.into(),
            labels: self.labels.into(),
            pads: self.pads.into(),
            takes: self.takes.into(),
            sorted: OnceLock::new(),
            throws,
            thrown: self.thrown.into(),
        };
        Code {
            body,
            ops: self.ops.into(),
            blocks: self.blocks.into(),
            ways: ways.boxed(),
            chains: OnceLock::new(),
        }
    }
}
