//! Sites: which Wasm operator an operator of the engine was translated from.
//!
//! The translator notes a pair for each operator it encodes. A trap or a stop knows only its instruction
//! pointer, and is looked up here. Two bytes an operator, and only for functions that were called.
//!
//! Not here: module offsets (a site counts from the start of the function body, the offset that lazy
//! translation knows).

use std::collections::BTreeMap;

use spin::Mutex;

use super::bounds::Spent;
use crate::{Engine, engine::code_map::CompiledFuncEntry, module::FuncIdx};

/// Operators begin at multiples of the size of a handler's address.
const OPS_ALIGN: u32 = align_of::<fn()>() as u32;

/// The sites of one function while it is translated.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Offset in the encoded operators → offset in the body, ascending.
    pairs: Vec<(u32, u32)>,
    /// The operator being translated.
    current: u32,
    /// Site of an operator that was dropped to be encoded again, fused with another.
    dropped: Option<u32>,
    /// Operators since the last poll.
    ops: u32,
    /// The operator being translated is an `end` or an `else`: no instruction, so no place for a poll.
    is_delimiter: bool,
    /// Bytes read of the operators that are not the sample's own, and the last one of them with its place,
    /// and whether it records nothing.
    passed: usize,
    last: (u32, bool),
    /// The operator being translated is not the sample's own; whether it records nothing.
    made: Option<bool>,
}

impl Pending {
    pub(crate) fn clear(&mut self) {
        *self = Self { pairs: std::mem::take(&mut self.pairs), ..Self::default() };
        self.pairs.clear();
    }

    /// The translator comes to the operator at `offset` in the body, which has these operators that are not
    /// the sample's own.
    pub(crate) fn at(&mut self, offset: usize, made: &[u8]) {
        self.current = offset as u32;
        self.dropped = None;
        self.is_delimiter = false;
        let mut rest = made.get(self.passed..).unwrap_or_default();
        // No body has an operator at 0, where its locals are.
        while self.last.0 < self.current && !rest.is_empty() {
            let step = read_leb(&mut rest);
            self.last = (self.last.0.wrapping_add(step >> 1), step & 1 == 1);
        }
        self.passed = made.len() - rest.len();
        self.made = (self.last.0 == self.current).then_some(self.last.1);
    }

    /// Whether the operator being translated records nothing.
    pub(crate) fn is_plain(&self) -> bool {
        self.made == Some(true)
    }

    /// That operator is an `end` or an `else`.
    pub(crate) fn at_delimiter(&mut self) {
        self.is_delimiter = true;
    }

    /// An operator is encoded at `position`.
    pub(crate) fn encoded(&mut self, position: usize) {
        let site = self.dropped.take().unwrap_or(self.current);
        self.pairs.push((position as u32, site));
        self.ops += 1;
    }

    /// What was encoded from `position` on is dropped. The operator encoded next does its work too, so it
    /// gets its site.
    pub(crate) fn truncate(&mut self, position: usize) {
        while let Some(&(at, site)) = self.pairs.last()
            && at as usize >= position
        {
            self.dropped = Some(site);
            self.pairs.pop();
        }
    }

    /// All operators up to the next [`Pending::at`] get the site of the dropped one, if there is one.
    pub(crate) fn hold(&mut self) {
        if let Some(site) = self.dropped.take() {
            self.current = site;
        }
    }

    /// Takes the pairs noted.
    pub(crate) fn take(&mut self) -> Vec<(u32, u32)> {
        std::mem::take(&mut self.pairs)
    }

    /// Whether a poll is due; if so, counts anew.
    pub(crate) fn is_poll_due(&mut self) -> bool {
        let due = self.ops >= super::OPS_PER_POLL && !self.is_delimiter && self.made.is_none();
        if due {
            self.ops = 0;
        }
        due
    }
}

/// The sites of a translated function.
#[derive(Debug)]
struct Function {
    index: FuncIdx,
    len_ops: usize,
    /// Pairs of [`Pending`], as differences in LEB128 (the first in units of the operators' alignment).
    pairs: Box<[u8]>,
}

/// The sites of all translated functions of an engine, by the address of their operators.
#[derive(Debug, Default)]
pub(crate) struct Table {
    functions: Mutex<BTreeMap<usize, Function>>,
    spent: Spent,
}

impl Table {
    /// Bytes of operators of all of them.
    pub(crate) fn spent(&self) -> &Spent {
        &self.spent
    }

    /// Notes the sites of a function whose operators lie at `ops`.
    fn insert(&self, index: FuncIdx, ops: &[u8], pending: &[(u32, u32)]) {
        let mut pairs = Vec::with_capacity(pending.len() * 2);
        let mut last = (0, 0);
        for &(position, site) in pending {
            write_leb(&mut pairs, (position / OPS_ALIGN - last.0) << 1 | u32::from(site < last.1));
            write_leb(&mut pairs, site.abs_diff(last.1));
            last = (position / OPS_ALIGN, site);
        }
        self.spent.add(ops.len());
        let function = Function { index, len_ops: ops.len(), pairs: pairs.into() };
        self.functions.lock().insert(ops.as_ptr() as usize, function);
    }

    /// Returns the function and the offset in its body of the operator at address `ip`.
    pub(crate) fn find(&self, ip: usize) -> Option<(FuncIdx, u32)> {
        let table = self.functions.lock();
        let (&start, function) = table.range(..=ip).next_back()?;
        let wanted = (ip - start) as u32 / OPS_ALIGN;
        if ip - start >= function.len_ops {
            return None;
        }
        let mut pairs = &function.pairs[..];
        let (mut position, mut site, mut found) = (0, 0, None);
        while !pairs.is_empty() {
            let step = read_leb(&mut pairs);
            let difference = read_leb(&mut pairs);
            position += step >> 1;
            site = if step & 1 == 1 { site - difference } else { site + difference };
            if position > wanted {
                break;
            }
            found = Some(site);
        }
        Some((function.index, found?))
    }
}

/// Wraps the `finalize` of a translation so that it also notes the sites.
pub(crate) fn noting(
    engine: &Engine,
    index: FuncIdx,
    pairs: Vec<(u32, u32)>,
    finalize: impl FnOnce(CompiledFuncEntry),
) -> impl FnOnce(CompiledFuncEntry) {
    let engine = engine.clone();
    move |entry: CompiledFuncEntry| {
        if engine.config().record {
            engine.sites().insert(index, entry.ops(), &pairs);
        }
        finalize(entry);
    }
}

fn write_leb(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_leb(bytes: &mut &[u8]) -> u32 {
    let (mut value, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
        shift += 7;
    }
    value
}
