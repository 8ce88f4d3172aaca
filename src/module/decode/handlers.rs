//! Where exceptions and suspended continuations go.
//!
//! A `try` or `try_table` is a *scope* for what its body throws. Its landing pad is laid where the body ends,
//! before all handlers. So edges of exceptions lead forward, or back to a `loop` around, like those of
//! branches. [`Code`](crate::module::Code) says how they look.

use wasmparser::{Catch, Handle};

use super::{Block, BlockIndex, Decoder, Exit, Kind, Label, OpIndex, Opcode, Pad, ParseError, Takes};

/// Who takes the exceptions of a scope.
#[derive(Debug)]
pub(super) struct Handlers {
    /// The landing pad.
    pad: Label,
    /// Its number in `Code::pads`, once it is laid.
    number: Option<usize>,
    /// Whether something in the body throws.
    is_thrown: bool,
    /// The frames that the clauses of a `try_table` name, as positions.
    clauses: Vec<(usize, Takes)>,
    /// Where the landing pad leads, as far as it is known.
    labels: Vec<(BlockIndex, Takes)>,
    /// Whether a clause takes whatever comes, so that nothing goes on outwards.
    takes_all: bool,
}

impl Decoder {
    /// The scope of what is thrown here: a position in `frames`.
    pub(super) fn scope(&self) -> Option<usize> {
        self.frames.last().and_then(|frame| frame.scope)
    }

    /// The handlers of the innermost frame.
    fn handlers(&mut self) -> Option<&mut Handlers> {
        self.frames.last_mut()?.handlers.as_deref_mut()
    }

    /// The open block can throw.
    pub(super) fn throw(&mut self) {
        let block = BlockIndex(self.blocks.len() as u32);
        if let Some(pad) = self.scope().and_then(|scope| self.throw_into(scope)) {
            self.throws.push((block, pad));
        }
    }

    /// Something is thrown in a scope; gives the landing pad.
    fn throw_into(&mut self, scope: usize) -> Option<Label> {
        let handlers = self.frames.get_mut(scope)?.handlers.as_deref_mut()?;
        handlers.is_thrown = true;
        Some(handlers.pad)
    }

    pub(super) fn enter_try(&mut self, clauses: Vec<(usize, Takes)>, takes_all: bool) {
        let pad = self.new_label();
        self.enter(Kind::Try);
        let position = self.frames.len().saturating_sub(1);
        if let Some(frame) = self.frames.last_mut() {
            let (number, is_thrown, labels) = (None, false, Vec::new());
            let handlers = Handlers { pad, number, is_thrown, clauses, labels, takes_all };
            frame.scope = Some(position);
            frame.handlers = Some(Box::new(handlers));
        }
    }

    /// The labels of a `try_table` count from around it.
    pub(super) fn enter_try_table(&mut self, catches: &[Catch]) -> Result<(), ParseError> {
        let mut clauses = Vec::with_capacity(catches.len());
        let mut takes_all = false;
        for catch in catches {
            let (label, takes) = match *catch {
                Catch::One { tag, label } | Catch::OneRef { tag, label } => (label, Takes::Tag(tag)),
                Catch::All { label } | Catch::AllRef { label } => (label, Takes::All),
            };
            let position = self.depth(label)?;
            // Behind a clause that takes everything, others get nothing.
            if !takes_all {
                clauses.push((position, takes));
            }
            takes_all |= takes == Takes::All;
        }
        self.enter_try(clauses, takes_all);
        Ok(())
    }

    /// `catch` or `catch_all`. wasmparser has seen to it that the innermost frame is a `try`.
    pub(super) fn catch(&mut self, takes: Takes) {
        self.end_arm();
        self.lay_pad();
        // What a handler throws goes outwards.
        let around = self.frames.len().checked_sub(2);
        let scope = around.and_then(|around| self.frames.get(around)).and_then(|frame| frame.scope);
        if let Some(frame) = self.frames.last_mut() {
            (frame.kind, frame.scope) = (Kind::Catch, scope);
        }
        let label = self.new_label();
        let Some(handlers) = self.handlers() else { return };
        handlers.takes_all |= takes == Takes::All;
        if handlers.is_thrown {
            handlers.labels.push((label.placeholder(), takes));
            self.land();
            self.resolve(label);
        }
    }

    /// The body of a scope, or a handler before others, ends: control goes on behind the last handler.
    fn end_arm(&mut self) {
        let is_open = self.open.is_some();
        let Some(frame) = self.frames.last_mut() else { return };
        frame.is_targeted |= is_open;
        let behind = frame.label.placeholder();
        self.close(Exit::Skip(behind));
    }

    /// Lays the landing pad of the innermost frame, once, if anything gets there. The block before it is
    /// closed.
    fn lay_pad(&mut self) {
        let number = self.pads.len();
        let Some(handlers) = self.handlers().filter(|all| all.is_thrown && all.number.is_none()) else {
            return;
        };
        handlers.number = Some(number);
        let pad = handlers.pad;
        self.pads.push(Pad { labels: 0..0, takes: Some(0) });
        self.resolve(pad);
        let first = OpIndex(self.ops.len() as u32);
        self.blocks.push(Block { first, len: 0, exit: Exit::Catch(number as u32) });
    }

    /// `delegate`: exceptions go to the scope around a label, which counts from around the `try`.
    pub(super) fn delegate(&mut self, depth: u32) -> Result<(), ParseError> {
        let position = self.depth(depth.saturating_add(1))?;
        let scope = self.frames.get(position).and_then(|frame| frame.scope);
        let is_thrown = self.handlers().is_some_and(|handlers| handlers.is_thrown);
        // It ends the `try` as an `end` does: who comes through the body does not execute it.
        self.end_arm();
        if is_thrown {
            self.lay_pad();
            let pad = scope.and_then(|scope| self.throw_into(scope));
            if let Some(handlers) = self.handlers() {
                handlers.takes_all = true;
                handlers.labels.extend(pad.map(|pad| (pad.placeholder(), Takes::Rest)));
            }
            if let Some(block) = self.blocks.last_mut() {
                block.len = 1;
            }
        }
        self.push_op(Opcode::Delegate);
        self.leave();
        Ok(())
    }

    /// A landing pad may lead to a clause.
    fn target_clause(&mut self, (clause, takes): (usize, Takes)) {
        if let Some(frame) = self.frames.get_mut(clause) {
            frame.is_targeted = true;
            let label = frame.label.placeholder();
            self.add_way((label, takes));
        }
    }

    fn add_way(&mut self, (label, takes): (BlockIndex, Takes)) {
        self.labels.push(label);
        self.takes.push(takes);
    }

    /// The innermost frame ends: says where its landing pad leads.
    pub(super) fn leave_scope(&mut self) {
        let is_thrown = self.handlers().is_some_and(|handlers| handlers.is_thrown);
        if !is_thrown {
            return;
        }
        // A `try_table`, or a `try` without handlers: its body ends here.
        if self.handlers().is_some_and(|handlers| handlers.number.is_none()) {
            self.end_arm();
            self.lay_pad();
        }
        let around = self.frames.len().checked_sub(2);
        let scope = around.and_then(|around| self.frames.get(around)).and_then(|frame| frame.scope);
        let Some(handlers) = self.frames.last_mut().and_then(|frame| frame.handlers.take()) else { return };
        let (first, takes) = (self.labels.len() as u32, self.takes.len() as u32);
        handlers.labels.into_iter().for_each(|way| self.add_way(way));
        handlers.clauses.into_iter().for_each(|clause| self.target_clause(clause));
        if let Some(pad) = scope.filter(|_| !handlers.takes_all).and_then(|scope| self.throw_into(scope)) {
            self.add_way((pad.placeholder(), Takes::Rest));
        }
        let labels = first..self.labels.len() as u32;
        if let Some(pad) = handlers.number.and_then(|number| self.pads.get_mut(number)) {
            *pad = Pad { labels, takes: Some(takes) };
        }
    }

    /// `suspend`, `switch`, or a `resume` with these handlers.
    pub(super) fn switch(&mut self, handles: &[Handle]) -> Result<(), ParseError> {
        let first = self.labels.len() as u32;
        for handle in handles {
            let Handle::OnLabel { label, .. } = *handle else { continue };
            let (_, target) = self.target(label)?;
            if self.open.is_some() {
                self.labels.push(target.placeholder());
            }
        }
        let number = self.pads.len() as u32;
        if self.open.is_some() {
            self.pads.push(Pad { labels: first..self.labels.len() as u32, takes: None });
            self.split(Exit::Switch(number));
        }
        Ok(())
    }
}
