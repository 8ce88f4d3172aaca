//! The places where threads meet: every atomic operator of a module that begins threads, and every loop in
//! which one may spin.
//!
//! Such a module imports four functions of ours behind its own. Each of these operators pushes one decision:
//! 0 if it asks one of them, which may let another thread go on. The others count down, so that a thread that
//! spins gives way. Loops have a count of their own, for they are passed far more often. A start function is
//! not run by the engine but called, so that it can be suspended too.

use wasm_encoder::{BlockType, Instruction as I, ValType};

use crate::module::Meeting;

use super::writer::Writer;

/// Index of each, counted from the first of ours; in the order of [`Meeting`].
pub(super) const WAIT: u32 = 0;
pub(super) const NOTIFY: u32 = 1;
pub(super) const PASS: u32 = 2;
pub(super) const ROUND: u32 = 3;
/// How many there are.
pub(crate) const COUNT: u32 = Meeting::COUNT;
/// First part of their names, and second parts.
pub(crate) const MODULE: &str = "wasm";
pub(crate) const NAMES: [&str; COUNT as usize] =
    ["memory.atomic.wait", "memory.atomic.notify", "thread.pass", "thread.round"];

/// Parameters of each; all give an `i32`.
///
/// `wait`: address, time, whether the value is as expected, memory, position of the function, offset in its
/// body. `notify`: address, count, memory. `pass` and `round` give after how many operators they want to be
/// asked again.
pub(super) const PARAMS: [&[ValType]; COUNT as usize] = [
    &[ValType::I64, ValType::I64, ValType::I32, ValType::I32, ValType::I32, ValType::I32],
    &[ValType::I64, ValType::I32, ValType::I32],
    &[],
    &[],
];

/// Atomic operators, and rounds of loops, before a thread first asks.
pub(super) const FIRST_TICKS: [i32; 2] = [16, 1024];

/// What code of ours needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meetings {
    /// Index of the first of our functions.
    pub(super) first: u32,
    /// The first of the globals that count down.
    pub(super) ticks: u32,
}

impl Meetings {
    /// Asks; `arguments` puts them on the stack. Leaves an `i32` there.
    pub(super) fn ask(self, body: &mut Writer, function: u32, arguments: &[I<'_>]) {
        body.silent(&I::Block(BlockType::Result(ValType::I32)));
        body.silent(&I::I32Const(0));
        body.silent(&I::I32Const(0));
        // The decision that somebody is asked.
        body.after(&I::BrIf(0));
        body.silent(&I::Drop);
        arguments.iter().for_each(|argument| body.silent(argument));
        body.silent(&I::Call(self.first + function));
        body.silent(&I::End);
    }

    /// Asks behind an atomic operator if it is time to. Leaves the stack as it is.
    pub(super) fn pass(self, body: &mut Writer) {
        self.count(body, self.ticks, PASS);
    }

    /// Asks at the beginning of a loop if it is time to. Leaves the stack as it is.
    pub(super) fn round(self, body: &mut Writer) {
        self.count(body, self.ticks + 1, ROUND);
    }

    fn count(self, body: &mut Writer, ticks: u32, function: u32) {
        body.silent(&I::Block(BlockType::Empty));
        body.silent(&I::GlobalGet(ticks));
        body.silent(&I::I32Const(1));
        body.silent(&I::I32Sub);
        body.silent(&I::GlobalSet(ticks));
        body.silent(&I::GlobalGet(ticks));
        body.after(&I::BrIf(0));
        body.silent(&I::Call(self.first + function));
        body.silent(&I::GlobalSet(ticks));
        body.silent(&I::End);
    }
}
