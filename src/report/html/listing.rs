//! The code of one function, line by line, with how often each ran: its hottest blocks, the rest folded.

use std::{collections::HashMap, sync::Arc};

use super::limits;
use crate::{
    module::{Code, CodeOffset, FuncIndex, Line, Module},
    trace::Counts,
};

/// A row of a listing.
#[derive(Debug)]
pub(super) enum Row {
    /// An instruction.
    Line {
        line: Line,
        /// How often it ran; absent where nothing says: `end`, `else`, dead code.
        count: Option<u64>,
        /// Whether a block begins here.
        is_first: bool,
    },
    /// Instructions that are left out.
    Folded {
        instructions: u64,
        /// How often the hottest of them ran.
        count: u64,
    },
}

/// The code of a function and what ran of it.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) func: FuncIndex,
    pub(super) rows: Vec<Row>,
    /// How often each block ran.
    pub(super) blocks: Vec<u64>,
    pub(super) module: Arc<Module>,
    /// Instruction → how it reads.
    pub(super) texts: HashMap<CodeOffset, String>,
}

impl Listing {
    /// Reads a function; `None` if it cannot be read.
    pub(super) fn of(module: &Arc<Module>, func: FuncIndex, counts: &Counts) -> Option<Self> {
        let code = module.code(func).ok()?;
        let lines = module.lines(func, limits::READ).ok()?;
        let blocks = counts_of(counts, func, code.blocks().len());
        let texts = lines.iter().map(|line| (line.offset, text(line))).collect();
        let rows = rows(lines, code, &blocks);
        Some(Self { func, rows, blocks, module: Arc::clone(module), texts })
    }

    /// Whether an instruction has a row.
    pub(super) fn has_line(&self, offset: CodeOffset) -> bool {
        self.rows.iter().any(|row| matches!(row, Row::Line { line, .. } if line.offset == offset))
    }
}

/// How often each block of a function ran, in all instances of the module.
fn counts_of(counts: &Counts, func: FuncIndex, len: usize) -> Vec<u64> {
    let mut blocks = vec![0u64; len];
    for function in counts.per_function.iter().filter(|function| function.func == func) {
        for (sum, count) in blocks.iter_mut().zip(&function.per_block) {
            *sum = sum.saturating_add(*count);
        }
    }
    blocks
}

/// An instruction as a line.
pub(super) fn text(line: &Line) -> String {
    format!("{} {}", line.opcode.mnemonic(), line.immediates).trim_end().to_owned()
}

/// The blocks that are shown: the hottest that have room.
fn shown(code: &Code, counts: &[u64]) -> Vec<bool> {
    let mut order: Vec<_> = (0..counts.len()).filter(|&block| counts[block] > 0).collect();
    order.sort_by_key(|&block| (std::cmp::Reverse(counts[block]), block));
    let mut room = limits::LINES;
    let mut shown = vec![false; counts.len()];
    for block in order {
        let len = code.blocks().get(block).map_or(0, |block| block.len as usize);
        if let Some(left) = room.checked_sub(len) {
            (room, shown[block]) = (left, true);
        }
    }
    shown
}

fn rows(lines: Vec<Line>, code: &Code, counts: &[u64]) -> Vec<Row> {
    let shown = shown(code, counts);
    let mut of: HashMap<CodeOffset, (usize, bool)> = HashMap::new();
    for (block, found) in code.blocks().iter().enumerate() {
        let ops = code.ops().get(found.range()).unwrap_or_default();
        of.extend(ops.iter().enumerate().map(|(position, op)| (op.offset, (block, position == 0))));
    }
    let (mut rows, mut is_shown) = (Vec::new(), false);
    for line in lines {
        let block = of.get(&line.offset).copied();
        let count = block.and_then(|(block, _)| counts.get(block).copied());
        // A line that belongs to no block goes with the line before it. Code that nothing reaches is folded.
        let is_end = matches!(line.opcode.mnemonic(), "end" | "else");
        is_shown = match block {
            Some((block, _)) => shown.get(block).copied().unwrap_or(false),
            None => is_end && is_shown,
        };
        match is_shown {
            true => rows.push(Row::Line { line, count, is_first: block.is_some_and(|(_, first)| first) }),
            false => fold(&mut rows, count.unwrap_or(0)),
        }
    }
    rows
}

fn fold(rows: &mut Vec<Row>, more: u64) {
    match rows.last_mut() {
        Some(Row::Folded { instructions, count }) => {
            *instructions += 1;
            *count = more.max(*count);
        }
        _ => rows.push(Row::Folded { instructions: 1, count: more }),
    }
}
