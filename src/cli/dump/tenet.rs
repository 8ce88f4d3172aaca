//! `spoor dump --tenet`: a part of the run as the text that Tenet reads, which explores traces beside a
//! disassembler.
//!
//! A line for each instruction, of what is another than in the line before. Tenet knows the registers of
//! processors only, so those of amd64 stand for what WebAssembly has (`docs/values.md`). Bytes that the host
//! or a segment wrote stand in the line of the instruction after it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
};

use wasmspoor::{
    module::FuncIndex,
    text,
    trace::{End, FuncKey, Threads, Trace},
    values::{Access, At, Op, Timeline, Visitor},
};

use super::super::{Exit, Failure, limits::TENET_BYTES, valued};

/// The slots that an instruction takes.
const TAKEN: [&str; 6] = ["rdi", "rsi", "rdx", "rcx", "r8", "r9"];

/// The slots that it gives.
const GIVEN: [&str; 2] = ["rax", "r10"];

/// Those that stand for nothing: Tenet wants all of them in the first line.
const IDLE: [&str; 5] = ["rbp", "r11", "r12", "r13", "r14"];

/// Prints the instructions from `from` on and before `to`.
pub(super) fn write(trace: &Trace, from: u64, to: u64, out: &mut impl Write) -> Result<Exit, Failure> {
    let mut timeline = Timeline::new(trace).map_err(valued::end)?;
    let depth = match from {
        0 => 0,
        _ => timeline.state(from).map_err(valued::end)?.levels.len(),
    };
    let total = (from > 0 && timeline.is_over()).then(|| timeline.position());
    let mut lines = Lines {
        window: (from, to),
        out,
        failed: Ok(()),
        depth,
        is_tail: false,
        bases: Vec::new(),
        threads: Threads::at(timeline.machine().thread()),
        known: BTreeMap::new(),
        accesses: Vec::new(),
        line: String::new(),
        memory: String::new(),
        cut: 0,
    };
    let walked = timeline.walk(from, to, &mut lines);
    lines.failed?;
    if let Some(total) = total {
        super::tell_end(from, total);
    }
    if lines.cut > 0 {
        let bytes = text::plural(lines.cut, "byte");
        crate::cli::complain!("spoor: {bytes} of long reads and writes are left out");
    }
    walked.map(|_| Exit::Done).map_err(valued::end)
}

/// Prints lines.
struct Lines<'o, W> {
    window: (u64, u64),
    out: &'o mut W,
    failed: io::Result<()>,
    /// Functions on the stack, and how many there were below each invocation.
    depth: usize,
    /// The last instruction calls in place of its function.
    is_tail: bool,
    bases: Vec<usize>,
    /// The same two of the other threads.
    threads: Threads<(usize, Vec<usize>)>,
    /// What each register is now.
    known: BTreeMap<&'static str, u64>,
    accesses: Vec<(Access, Option<Vec<u8>>)>,
    line: String,
    /// What memory was read and written, for the next line.
    memory: String,
    /// Bytes that no line has.
    cut: u64,
}

impl<W: Write> Lines<'_, W> {
    fn set(&mut self, register: &'static str, value: u64) {
        if self.known.insert(register, value) != Some(value) {
            let comma = if self.line.is_empty() { "" } else { "," };
            _ = write!(self.line, "{comma}{register}={value:#x}");
        }
    }

    /// Bytes that are read or written.
    fn touch(&mut self, what: &str, memory: u32, address: u64, bytes: &[u8]) {
        let shown = bytes.get(..TENET_BYTES).unwrap_or(bytes);
        self.cut += (bytes.len() - shown.len()) as u64;
        if shown.is_empty() {
            return;
        }
        // Memories do not reach as far.
        _ = write!(self.memory, ",{what}={:#x}:", address | u64::from(memory) << 48);
        shown.iter().for_each(|byte| _ = write!(self.memory, "{byte:02x}"));
    }

    fn touch_all(&mut self, op: &Op, results: &[u64]) {
        let accesses = std::mem::take(&mut self.accesses);
        let written = accesses.iter().find_map(|(_, written)| written.as_deref());
        for (access, bytes) in &accesses {
            let Access { memory, address, len, is_write } = *access;
            match (bytes, is_write) {
                (Some(bytes), _) => self.touch("mw", memory, address, bytes),
                // A copy reads what it writes.
                (None, false) if results.is_empty() => {
                    self.touch("mr", memory, address, written.unwrap_or_default());
                }
                (None, false) => self.touch("mr", memory, address, &loaded(op, results, len)),
                (None, true) => {}
            }
        }
    }

    fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) -> io::Result<()> {
        self.touch_all(at.op, results);
        if at.number < self.window.0 {
            self.memory.clear();
        }
        if at.number < self.window.0 || at.number >= self.window.1 {
            return Ok(());
        }
        let is_first = self.known.is_empty();
        self.line.clear();
        // Tenet wants to know where it is in each line.
        self.known.remove("rip");
        self.set("rip", at.op.offset.into());
        self.set("rbx", at.function.0.into());
        self.set("rsp", self.depth as u64);
        self.set("r15", at.number);
        let values = TAKEN.into_iter().zip(operands).chain(GIVEN.into_iter().zip(results));
        values.for_each(|(register, value)| self.set(register, *value));
        if is_first {
            let others = TAKEN.into_iter().chain(GIVEN).chain(IDLE);
            let others: Vec<_> = others.filter(|register| !self.known.contains_key(register)).collect();
            others.into_iter().for_each(|register| self.set(register, 0));
        }
        writeln!(self.out, "{}{}", self.line, self.memory)?;
        self.memory.clear();
        Ok(())
    }
}

/// The bytes that a load read, which its result holds.
fn loaded(op: &Op, results: &[u64], len: u64) -> Vec<u8> {
    let name = op.opcode.mnemonic();
    let bytes: Vec<u8> = results.iter().flat_map(|slot| slot.to_le_bytes()).collect();
    let (len, lane) = (len.min(16) as usize, op.names as usize);
    let is_lane = name.starts_with("v128.load") && name.ends_with("_lane");
    let wide = [("load8x8", 1), ("load16x4", 2), ("load32x2", 4)];
    let wide = wide.into_iter().find(|(part, _)| name.contains(part)).map(|(_, width)| width);
    match wide {
        // Each lane is twice as wide as what was read.
        Some(width) => bytes.chunks(2 * width).flat_map(|lane| &lane[..width]).copied().collect(),
        None if is_lane => bytes.get(lane * len..(lane + 1) * len).unwrap_or_default().to_vec(),
        // Whether it was woken is no byte of memory.
        None if name.contains(".wait") => Vec::new(),
        None => bytes.get(..len).unwrap_or_default().to_vec(),
    }
}

impl<W: Write> Visitor for Lines<'_, W> {
    const INSTRUCTIONS: bool = true;
    const MEMORY: bool = true;
    const WRITES: bool = true;

    fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) {
        self.is_tail = at.op.opcode.mnemonic().starts_with("return_call");
        if self.failed.is_ok() {
            self.failed = self.instruction(at, operands, results);
        }
    }

    fn access(&mut self, _: FuncIndex, _: &Op, access: Access) {
        self.accesses.push((access, None));
    }

    fn written(&mut self, event: u64, memory: u32, bytes: &[u8], address: u64, len: u64) {
        // Writes of the host and of segments are told below.
        let Some((access, written)) = self.accesses.last_mut().filter(|(access, _)| access.is_write) else {
            return;
        };
        if (access.memory, access.address, access.len) != (memory, address, len) || event < self.window.0 {
            return;
        }
        let shown = len.min(TENET_BYTES as u64);
        self.cut += len - shown;
        let range = usize::try_from(address).ok().map(|begin| begin..begin + shown as usize);
        *written = range.and_then(|range| bytes.get(range)).map(<[u8]>::to_vec);
    }

    fn host_write(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        self.touch("mw", memory, address, bytes);
    }

    fn segment(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        self.touch("mw", memory, address, bytes);
    }

    fn invoke(&mut self, _: FuncKey, _: &[u64]) {
        self.is_tail = false;
        self.bases.push(self.depth);
        self.depth += 1;
    }

    fn call(&mut self, _: FuncKey, _: &[u64], is_tail: bool) {
        self.is_tail = false;
        self.depth += usize::from(!is_tail);
    }

    fn leave(&mut self, _: &[u64]) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn host_call(&mut self, _: FuncKey, _: u64, _: &[u64]) {
        self.depth += usize::from(!std::mem::take(&mut self.is_tail));
    }

    fn host_return(&mut self, _: bool, _: &[u64]) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn switch(&mut self, thread: u32) {
        let mut here = (self.depth, std::mem::take(&mut self.bases));
        self.threads.leave(thread, &mut here, |(_, bases)| bases.is_empty());
        (self.depth, self.bases) = here;
    }

    fn end(&mut self, _: &End, _: &[u64]) {
        // Frames that a trap or a limit ended do not return.
        self.depth = self.bases.pop().unwrap_or(0);
    }
}
