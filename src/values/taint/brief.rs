//! The way of labels through an opcode, in four bytes: what the quick way asks for at each instruction.

use super::class::{Class, Loaded};
use super::scalar::Bitwise;

/// The rule of an opcode, as far as the quick way knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Rule {
    /// None of those below.
    Other,
    /// The first operand as it is.
    Move,
    Select,
    Branch,
    Load,
    LoadSigned,
    Store,
    // One slot of one or two, and nothing else.
    Xor,
    AndOr,
    Add,
    Subtract,
    Multiply,
    Divide,
    Shift,
    /// Whatever the values are.
    Mix,
}

/// A rule, and the width of its result in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Brief {
    pub(super) rule: Rule,
    pub(super) width: u8,
    pub(super) is_remainder: bool,
    pub(super) is_signed: bool,
}

impl Brief {
    pub(super) fn of(class: Class) -> Self {
        let brief = |rule, width| Self { rule, width, is_remainder: false, is_signed: false };
        let of = |rule, width: usize| brief(rule, width as u8);
        match class {
            Class::LocalSet | Class::LocalTee => brief(Rule::Move, 8),
            Class::Select => brief(Rule::Select, 8),
            Class::Branch => brief(Rule::Branch, 0),
            Class::Load(Loaded::Number { width, is_signed: false }) => of(Rule::Load, width),
            Class::Load(Loaded::Number { width, is_signed: true }) => of(Rule::LoadSigned, width),
            Class::Store { lane: 0 } => brief(Rule::Store, 0),
            Class::Bitwise(Bitwise::Xor, width) => of(Rule::Xor, width),
            Class::Bitwise(_, width) => of(Rule::AndOr, width),
            Class::Add { width, is_sub: false } => of(Rule::Add, width),
            Class::Add { width, is_sub: true } => of(Rule::Subtract, width),
            Class::Multiply(width) => of(Rule::Multiply, width),
            Class::Divide { width, is_remainder, is_signed } => {
                Self { rule: Rule::Divide, width: width as u8, is_remainder, is_signed }
            }
            Class::Shift(_, width) => of(Rule::Shift, width),
            Class::Extend { width, .. } | Class::Sign(width) | Class::Mix(_, width) => of(Rule::Mix, width),
            Class::Byte(_) => brief(Rule::Mix, 1),
            _ => brief(Rule::Other, 0),
        }
    }
}
