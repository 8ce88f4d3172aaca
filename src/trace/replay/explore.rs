//! Walks a few decisions ahead, touching nothing: what a stretch from a place does.
//!
//! It stops before whatever pulls a record, ends an invocation, loads a function or fails; the plain walk
//! does that.

use wasmspoor_hooks::recorder::stream;

use super::super::decisions::Window;
use super::super::limits::STRETCH_STEPS;
use super::super::map::{CodeMap, Destination, FlatBlock};
use super::super::step::{Call, Misfit, Walker, step};
use super::super::visitor::stretch::{BlockExit, ExitKind};
use super::super::{CallKind, FuncKey};
use super::{BOTTOM, Target};
use crate::module::Meeting;

/// What a walk ahead found.
#[derive(Debug)]
pub(super) struct Explored {
    pub(super) next: u32,
    /// Decisions taken, in bits.
    pub(super) used: u32,
    pub(super) instructions: u64,
    pub(super) calls: u32,
    pub(super) silent: u32,
    pub(super) steps: Vec<BlockExit>,
    pub(super) popped: usize,
    pub(super) pushed: Vec<u32>,
    /// Most frames above where it began.
    pub(super) rise: u32,
    /// Whether it depends on the target before it.
    pub(super) needs_target: bool,
    /// The target that it read last, if it read one.
    pub(super) target: Option<Target>,
}

/// What a step that leads nowhere leaves as it was.
#[derive(Clone, Copy)]
struct Reading {
    window: Window,
    used: u32,
    last: Target,
    has_read: bool,
    needs_target: bool,
}

/// The walk: decisions from a window, frames from a stack that stays as it is.
struct Explorer<'e, 't> {
    map: &'e CodeMap<'t>,
    reading: Reading,
    /// Decisions that it may take.
    limit: u32,
    frames: &'e [u32],
    popped: usize,
    pushed: Vec<u32>,
    rise: u32,
    calls: u32,
    silent: u32,
    steps: Vec<BlockExit>,
}

/// Follows at most `limit` decisions of `window` from block `start`; an error if not one of them can be
/// taken.
pub(super) fn explore(
    map: &CodeMap<'_>,
    start: u32,
    (window, limit): (Window, u32),
    frames: &[u32],
    last: Target,
) -> Result<Explored, Dead> {
    let reading = Reading { window, used: 0, last, has_read: false, needs_target: false };
    let mut walk = Explorer {
        map,
        reading,
        limit,
        frames,
        popped: 0,
        pushed: Vec::new(),
        rise: 0,
        calls: 0,
        silent: 0,
        steps: Vec::new(),
    };
    let (mut number, mut instructions) = (start, 0u64);
    while walk.reading.used < limit && walk.steps.len() < STRETCH_STEPS {
        let FlatBlock { len, exit } = map.blocks[number as usize];
        let before = walk.reading;
        walk.steps.push(BlockExit { number, kind: ExitKind::On });
        match step(&mut walk, number, exit) {
            Ok(next) => number = next,
            Err(dead) => {
                walk.reading = before;
                if before.used == 0 {
                    return Err(Dead { steps: walk.steps.len(), ..dead });
                }
                walk.steps.pop();
                break;
            }
        }
        instructions += u64::from(len);
    }
    let Explorer { reading, popped, pushed, rise, calls, silent, steps, .. } = walk;
    if reading.used == 0 {
        return Err(Dead { steps: steps.len(), ..DEAD });
    }
    Ok(Explored {
        next: number,
        used: reading.used,
        instructions,
        calls,
        silent,
        steps,
        popped,
        pushed,
        rise,
        needs_target: reading.needs_target,
        target: reading.has_read.then_some(reading.last),
    })
}

/// The plain walk has to go on here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dead {
    /// Each time, whatever ran before and called it.
    pub(super) is_final: bool,
    /// Blocks that were walked to see that.
    pub(super) steps: usize,
}

const DEAD: Dead = Dead { is_final: true, steps: 1 };
/// A function that was not entered yet, or a frame below which the host is.
const DEAD_NOW: Dead = Dead { is_final: false, steps: 1 };

impl Explorer<'_, '_> {
    fn left(&mut self, kind: ExitKind) {
        if let Some(step) = self.steps.last_mut() {
            step.kind = kind;
        }
    }
}

impl Walker for Explorer<'_, '_> {
    type Block = u32;
    /// Its slot.
    type Func = u32;
    type Stop = Dead;

    fn next(block: u32) -> u32 {
        block + 1
    }

    fn bit(&mut self) -> Result<bool, Dead> {
        self.field(1).map(|bit| bit != 0)
    }

    fn field(&mut self, width: u32) -> Result<u64, Dead> {
        if width > self.limit - self.reading.used {
            return Err(DEAD);
        }
        self.reading.used += width;
        self.reading.window.take_field(width).ok_or(DEAD)
    }

    fn ahead(&self) -> u64 {
        self.reading.window.ahead()
    }

    fn last_target(&self) -> u32 {
        self.reading.last.key.0
    }

    fn target(&mut self) -> Result<u32, Dead> {
        let field = self.field(stream::target_bits(self.ahead()))?;
        self.reading.needs_target |= field == 0 && !self.reading.has_read;
        Ok(stream::read_target(field, self.last_target()))
    }

    fn resolve(&mut self, key: u32) -> Result<Option<u32>, Dead> {
        let key = FuncKey(key);
        let destination = self.map.destination(key).map_err(|_| DEAD)?;
        self.reading.last = Target { key, destination: Some(destination) };
        self.reading.has_read = true;
        match destination {
            Destination::Slot(slot) => Ok(Some(slot)),
            Destination::Host => Err(DEAD),
        }
    }

    fn labels(&self, table: u32) -> Result<u32, Dead> {
        Ok(self.map.tables[table as usize].len)
    }

    fn label(&mut self, _: u32, table: u32, index: u32) -> Result<u32, Dead> {
        self.left(ExitKind::Label(index));
        let first = self.map.tables[table as usize].first;
        Ok(self.map.labels[(first + index) as usize])
    }

    fn branch(&mut self, _: u32, taken: bool) {
        self.left(ExitKind::Branch(taken));
    }

    fn silent(&mut self) -> Result<(), Dead> {
        self.silent += 1;
        Ok(())
    }

    fn meeting(&self, meeting: Meeting) -> Option<u32> {
        self.map.meeting(meeting)
    }

    fn call(&mut self, from: u32, call: Call<u32>) -> Result<u32, Dead> {
        let Call { callee, kind, is_tail } = call;
        let entry = self.map.entry(callee).ok_or(DEAD_NOW)?;
        if kind == CallKind::Direct && !is_tail {
            self.calls += 1;
            self.silent += 1;
        }
        if is_tail {
            self.left(ExitKind::TailCall(kind, entry));
        } else {
            self.pushed.push(from + 1);
            self.rise = self.rise.max(self.pushed.len().saturating_sub(self.popped) as u32);
            self.left(ExitKind::Call(kind, entry));
        }
        Ok(entry)
    }

    fn host(&mut self, _: u32, _: Call<u32>) -> Result<u32, Dead> {
        Err(DEAD)
    }

    fn leave(&mut self, _: u32) -> Result<u32, Dead> {
        let back = match self.pushed.pop() {
            Some(back) => back,
            None => {
                let below = self.frames.len().checked_sub(self.popped + 1);
                let back = below.and_then(|below| self.frames.get(below)).copied();
                let back = back.filter(|&back| back != BOTTOM).ok_or(DEAD_NOW)?;
                self.popped += 1;
                back
            }
        };
        self.left(ExitKind::Leave);
        Ok(back)
    }

    fn throw(&mut self, _: u32) -> Result<u32, Dead> {
        Err(DEAD)
    }

    fn record(&mut self, _: u32) -> Result<u32, Dead> {
        Err(DEAD)
    }

    fn misfit(_: Misfit) -> Dead {
        DEAD
    }
}
