//! The way of labels through each opcode, read from its name in the text format, which follows a grammar.

use crate::module::Opcode;

use super::operation::Operation;
use super::scalar::Bitwise;

/// What an operator does to labels. Widths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Its results, if any, depend on nothing that has labels.
    Plain,
    Const,
    LocalGet,
    LocalSet,
    LocalTee,
    GlobalGet,
    GlobalSet,
    Select,
    Load(Loaded),
    /// Reads bytes, gives them, and writes what it makes of them.
    Exchange,
    /// The bytes of its value from this lane on.
    Store {
        lane: usize,
    },
    Bitwise(Bitwise, usize),
    Add {
        width: usize,
        is_sub: bool,
    },
    Multiply(usize),
    Divide {
        width: usize,
        is_remainder: bool,
        is_signed: bool,
    },
    Shift(Shift, usize),
    /// The first bytes, the others as the sign says or zero.
    Extend {
        from: usize,
        width: usize,
        is_signed: bool,
    },
    /// The bytes as they are, but for the highest.
    Sign(usize),
    /// One byte that depends on all.
    Byte(Operation),
    /// Each byte depends on all.
    Mix(Operation, usize),
    /// Sixteen bytes.
    Vector(Vector),
    /// `i64.add128` and its like: each byte of two slots depends on all.
    Wide(Operation),
    Branch,
    Return,
    Call,
    CallIndirect,
    Copy,
    Fill,
    Init,
    /// An index into a table.
    Table,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shift {
    Left,
    Right,
    RightSigned,
    RotateLeft,
    RotateRight,
}

/// What becomes of the bytes that are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loaded {
    Number {
        width: usize,
        is_signed: bool,
    },
    /// As they are, then zeros.
    Vector,
    /// Each lane of so many bytes becomes one of twice as many.
    Widened {
        lane: usize,
        is_signed: bool,
    },
    Splat,
    Lane,
}

/// An operation on vectors. Numbers are widths of lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vector {
    Bitwise(Bitwise),
    Not,
    Bitselect,
    Shuffle,
    Swizzle,
    Splat(usize),
    Extract {
        lane: usize,
        is_signed: bool,
    },
    Replace(usize),
    Shift(Shift, usize),
    Add {
        lane: usize,
        is_sub: bool,
    },
    /// The lane of the result depends on the same bytes of all operands.
    Lanes(Operation, usize),
    /// Lanes of both operands, halved.
    Narrow(usize),
    /// Half of the lanes, doubled to this width.
    Widen {
        lane: usize,
        is_high: bool,
        is_signed: bool,
    },
    /// As `Widen`, and each byte depends on the lane.
    Multiply {
        lane: usize,
        is_high: bool,
    },
    /// Lanes of this width made of the first ones, doubled; or halved.
    Convert {
        from: usize,
        to: usize,
    },
    /// Two bytes at most, of a bit for each lane.
    Bitmask(usize),
    Test,
}

/// The class of every opcode, by number.
pub(super) fn all() -> Box<[Class]> {
    Opcode::ALL.iter().map(|opcode| class(opcode.mnemonic())).collect()
}

fn class(name: &str) -> Class {
    match name {
        "local.get" => Class::LocalGet,
        "local.set" => Class::LocalSet,
        "local.tee" => Class::LocalTee,
        "global.get" => Class::GlobalGet,
        "global.set" => Class::GlobalSet,
        "select" => Class::Select,
        "br_if" | "if" | "br_table" => Class::Branch,
        "return" => Class::Return,
        "call" | "return_call" => Class::Call,
        "call_indirect" | "return_call_indirect" | "call_ref" | "return_call_ref" => Class::CallIndirect,
        "ref.cast" | "ref.as_non_null" | "any.convert_extern" | "extern.convert_any" => Class::LocalTee,
        "ref.i31" | "i31.get_s" | "i31.get_u" => Class::Mix(Operation::Lanes, 4),
        "ref.eq" | "ref.test" => Class::Byte(Operation::Compare),
        "memory.copy" | "array.copy" => Class::Copy,
        "memory.fill" => Class::Fill,
        "memory.init" => Class::Init,
        "table.get" | "table.set" | "table.copy" | "table.init" | "table.fill" | "table.grow" => Class::Table,
        _ => match name.split_once('.') {
            Some(("i32", rest)) => number(rest, 4, false),
            Some(("i64", rest)) => number(rest, 8, false),
            Some(("f32", rest)) => number(rest, 4, true),
            Some(("f64", rest)) => number(rest, 8, true),
            Some(("v128", rest)) => whole_vector(rest),
            Some((shape, rest)) => lane_of(shape).map_or(Class::Plain, |lane| lanes(rest, lane, shape)),
            None => Class::Plain,
        },
    }
}

fn number(name: &str, width: usize, is_float: bool) -> Class {
    if let Some(name) = name.strip_prefix("atomic.") {
        return if name.starts_with("rmw") { Class::Exchange } else { number(name, width, is_float) };
    }
    if name == "const" {
        return Class::Const;
    }
    if name.starts_with("load") {
        return Class::Load(Loaded::Number { width, is_signed: name.ends_with("_s") });
    }
    if name.starts_with("store") {
        return Class::Store { lane: 0 };
    }
    if name.starts_with("reinterpret") {
        return Class::Extend { from: width, width, is_signed: false };
    }
    if name.contains("trunc_") || name.starts_with("convert") || name.ends_with("mote_f64") {
        return Class::Mix(Operation::Float, width);
    }
    if is_float {
        return match name {
            "abs" | "neg" | "copysign" => Class::Sign(width),
            "eq" | "ne" | "lt" | "gt" | "le" | "ge" => Class::Byte(Operation::Compare),
            _ => Class::Mix(Operation::Float, width),
        };
    }
    integer(name, width)
}

fn integer(name: &str, width: usize) -> Class {
    let is_signed = name.ends_with("_s");
    match name {
        "and" => Class::Bitwise(Bitwise::And, width),
        "or" => Class::Bitwise(Bitwise::Or, width),
        "xor" => Class::Bitwise(Bitwise::Xor, width),
        "add" => Class::Add { width, is_sub: false },
        "sub" => Class::Add { width, is_sub: true },
        "mul" => Class::Multiply(width),
        "div_s" | "div_u" => Class::Divide { width, is_remainder: false, is_signed },
        "rem_s" | "rem_u" => Class::Divide { width, is_remainder: true, is_signed },
        "shl" => Class::Shift(Shift::Left, width),
        "shr_u" => Class::Shift(Shift::Right, width),
        "shr_s" => Class::Shift(Shift::RightSigned, width),
        "rotl" => Class::Shift(Shift::RotateLeft, width),
        "rotr" => Class::Shift(Shift::RotateRight, width),
        "clz" | "ctz" | "popcnt" => Class::Byte(Operation::Count),
        "wrap_i64" => Class::Extend { from: 4, width: 4, is_signed: false },
        "extend_i32_s" | "extend_i32_u" | "extend32_s" => Class::Extend { from: 4, width, is_signed },
        "extend8_s" => Class::Extend { from: 1, width, is_signed },
        "extend16_s" => Class::Extend { from: 2, width, is_signed },
        "add128" | "sub128" => Class::Wide(Operation::Add),
        "mul_wide_s" | "mul_wide_u" => Class::Wide(Operation::Multiply),
        "eqz" | "eq" | "ne" => Class::Byte(Operation::Compare),
        _ if ["lt_", "gt_", "le_", "ge_"].iter().any(|start| name.starts_with(start)) => {
            Class::Byte(Operation::Compare)
        }
        _ => Class::Mix(Operation::Lanes, width),
    }
}

fn whole_vector(name: &str) -> Class {
    let vector = match name {
        "const" => return Class::Const,
        "and" => Vector::Bitwise(Bitwise::And),
        "or" => Vector::Bitwise(Bitwise::Or),
        "xor" => Vector::Bitwise(Bitwise::Xor),
        "andnot" => Vector::Bitwise(Bitwise::AndNot),
        "not" => Vector::Not,
        "bitselect" => Vector::Bitselect,
        "any_true" => Vector::Test,
        _ => return vector_access(name),
    };
    Class::Vector(vector)
}

fn vector_access(name: &str) -> Class {
    let is_lane = name.ends_with("_lane");
    if let Some(rest) = name.strip_prefix("store") {
        let lane = rest.strip_suffix("_lane").and_then(|bits| bits.parse::<usize>().ok());
        return Class::Store { lane: lane.map_or(0, |bits| bits / 8) };
    }
    let Some(rest) = name.strip_prefix("load") else { return Class::Plain };
    let is_signed = rest.ends_with("_s");
    let widened = rest.split_once('x').and_then(|(bits, _)| bits.parse::<usize>().ok());
    Class::Load(match widened {
        Some(bits) => Loaded::Widened { lane: bits / 8, is_signed },
        None if is_lane => Loaded::Lane,
        None if rest.ends_with("_splat") => Loaded::Splat,
        None => Loaded::Vector,
    })
}

fn lane_of(shape: &str) -> Option<usize> {
    Some(match shape {
        "i8x16" => 1,
        "i16x8" => 2,
        "i32x4" | "f32x4" => 4,
        "i64x2" | "f64x2" => 8,
        _ => return None,
    })
}

fn lanes(name: &str, lane: usize, shape: &str) -> Class {
    let is_signed = name.ends_with("_s");
    let is_high = name.contains("_high_");
    let name = name.strip_prefix("relaxed_").unwrap_or(name);
    let is_float = shape.starts_with('f');
    let step = if is_float { Operation::Float } else { Operation::Lanes };
    let vector = match name {
        "shuffle" => Vector::Shuffle,
        "swizzle" => Vector::Swizzle,
        "splat" => Vector::Splat(lane),
        "extract_lane" | "extract_lane_s" | "extract_lane_u" => Vector::Extract { lane, is_signed },
        "replace_lane" => Vector::Replace(lane),
        "shl" => Vector::Shift(Shift::Left, lane),
        "shr_u" => Vector::Shift(Shift::Right, lane),
        "shr_s" => Vector::Shift(Shift::RightSigned, lane),
        "add" | "sub" if !is_float => Vector::Add { lane, is_sub: name == "sub" },
        "bitmask" => Vector::Bitmask(lane),
        "all_true" => Vector::Test,
        _ if name.starts_with("narrow") => Vector::Narrow(lane),
        _ if name.starts_with("extend_") => Vector::Widen { lane, is_high, is_signed },
        _ if name.starts_with("extmul") => Vector::Multiply { lane, is_high },
        _ if name.contains("_low_") => Vector::Convert { from: 4, to: 8 },
        _ if name.ends_with("_zero") => Vector::Convert { from: 8, to: 4 },
        _ => Vector::Lanes(step, lane),
    };
    Class::Vector(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let number = |width, is_signed| Class::Load(Loaded::Number { width, is_signed });
        for (name, expected) in [
            ("i32.load8_s", number(4, true)),
            ("f64.load", number(8, false)),
            ("i64.store16", Class::Store { lane: 0 }),
            ("v128.store32_lane", Class::Store { lane: 4 }),
            ("v128.load16x4_u", Class::Load(Loaded::Widened { lane: 2, is_signed: false })),
            ("v128.load32_zero", Class::Load(Loaded::Vector)),
            ("v128.load8_splat", Class::Load(Loaded::Splat)),
            ("v128.load64_lane", Class::Load(Loaded::Lane)),
            ("i64.extend_i32_s", Class::Extend { from: 4, width: 8, is_signed: true }),
            ("f32.reinterpret_i32", Class::Extend { from: 4, width: 4, is_signed: false }),
            ("i32.trunc_sat_f64_u", Class::Mix(Operation::Float, 4)),
            ("f32.demote_f64", Class::Mix(Operation::Float, 4)),
            ("f64.promote_f32", Class::Mix(Operation::Float, 8)),
            ("i64.le_u", Class::Byte(Operation::Compare)),
            (
                "i32x4.extend_high_i16x8_u",
                Class::Vector(Vector::Widen { lane: 4, is_high: true, is_signed: false }),
            ),
            ("i16x8.extmul_low_i8x16_s", Class::Vector(Vector::Multiply { lane: 2, is_high: false })),
            ("f64x2.promote_low_f32x4", Class::Vector(Vector::Convert { from: 4, to: 8 })),
            ("i32x4.trunc_sat_f64x2_s_zero", Class::Vector(Vector::Convert { from: 8, to: 4 })),
            ("i8x16.relaxed_swizzle", Class::Vector(Vector::Swizzle)),
            ("f32x4.add", Class::Vector(Vector::Lanes(Operation::Float, 4))),
            ("i32x4.dot_i16x8_s", Class::Vector(Vector::Lanes(Operation::Lanes, 4))),
            ("memory.grow", Class::Plain),
            ("i32.atomic.load8_u", number(4, false)),
            ("i64.atomic.store16", Class::Store { lane: 0 }),
            ("i32.atomic.rmw.cmpxchg", Class::Exchange),
        ] {
            assert_eq!(class(name), expected, "{name}");
        }
    }
}
