//! The class of every opcode: what the static view counts in the code and the passes count in a run.
//!
//! Derived from the text names, so that an opcode of a newer proposal has its class without being listed.
//! These are in no class but the total: `drop`, `select`, `memory.size`, `memory.atomic.notify`,
//! `atomic.fence`, `pause`, `data.drop`, `elem.drop`, single accesses to tables, `table.size` and
//! `table.grow`. So are operators on references, structures, arrays and continuations. Moves of lanes
//! (`splat`, `extract_lane`, `shuffle`, …) are in `simd` only. An atomic read-modify-write is a load, a
//! store, and its operation.

use std::{
    iter::Sum,
    ops::{AddAssign, Range},
    sync::LazyLock,
};

use serde::Serialize;

use super::{OPCODES, Op, Opcode};

/// Instructions by class. Static: those that stand in the code; dynamic: those that were executed. Classes
/// overlap only where said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "analysis", derive(schemars::JsonSchema))]
pub struct Classes {
    /// All instructions, `end` and `else` left out.
    pub total: u64,
    /// `i32.xor`, `i64.xor`, `v128.xor`.
    pub xor: u64,
    /// `rotl`, `rotr`.
    pub rotate: u64,
    /// `shl`, `shr_s`, `shr_u`, of vectors too.
    pub shift: u64,
    /// `and`, `or`, `andnot`, `not`, and `bitselect`.
    pub logic: u64,
    /// Other integer and float arithmetic, comparisons left out.
    pub arithmetic: u64,
    /// Comparisons and tests.
    pub compare: u64,
    /// Conversions between types.
    pub convert: u64,
    /// Reads of linear memory.
    pub load: u64,
    /// Writes of linear memory.
    pub store: u64,
    /// `*.const`.
    pub constant: u64,
    /// `local.*` and `global.*`.
    pub variable: u64,
    /// Blocks, branches, calls, `return`, `unreachable`, `select` and `drop` left out.
    pub control: u64,
    /// `call_indirect`, `call_ref`, `return_call_indirect`, `return_call_ref`; in `control` too.
    pub indirect_call: u64,
    /// `return_call*`; in `control` too.
    pub tail_call: u64,
    /// `nop`.
    pub nop: u64,
    /// `memory.grow`.
    pub memory_grow: u64,
    /// Bulk operations on memories and tables.
    pub bulk: u64,
    /// Vector instructions, in their other class too.
    pub simd: u64,
}

/// The classes of an opcode, a bit for each row of [`CLASSES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mix(u32);

macro_rules! define_classes {
    ($($class:ident)*) => {
        /// The positions of the classes, which are their bits in a [`Mix`].
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy)]
        enum Bit { $($class,)* }

        /// The names of the classes, `total` left out.
        pub const CLASSES: &[&str] = &[$(stringify!($class),)*];

        impl Mix {
            $(
                #[doc = concat!("Exactly the class `", stringify!($class), "`.")]
                #[allow(non_upper_case_globals)]
                pub const $class: Self = Self(1 << Bit::$class as u32);
            )*
        }

        impl Classes {
            /// Counts `n` instructions of the same classes.
            pub fn add_mix(&mut self, mix: Mix, n: u64) {
                self.total = self.total.saturating_add(n);
                let mut bits = mix.0;
                while bits != 0 {
                    let class = match bits.trailing_zeros() {
                        $(bit if bit == Bit::$class as u32 => &mut self.$class,)*
                        _ => return,
                    };
                    *class = class.saturating_add(n);
                    bits &= bits - 1;
                }
            }

            /// The number of instructions in the class of this name (a row of [`CLASSES`], or `total`).
            pub fn get(&self, class: &str) -> Option<u64> {
                match class {
                    "total" => Some(self.total),
                    $(stringify!($class) => Some(self.$class),)*
                    _ => None,
                }
            }
        }

        impl AddAssign for Classes {
            fn add_assign(&mut self, other: Self) {
                self.total = self.total.saturating_add(other.total);
                $(self.$class = self.$class.saturating_add(other.$class);)*
            }
        }
    };
}
define_classes!(
    xor rotate shift logic arithmetic compare convert load store constant variable control indirect_call tail_call nop memory_grow bulk simd
);

/// By opcode number.
static MIXES: LazyLock<Box<[Mix]>> =
    LazyLock::new(|| Opcode::ALL.iter().map(|opcode| classify(opcode.mnemonic())).collect());

impl Classes {
    /// Counts `n` instructions.
    pub fn add_opcode(&mut self, opcode: Opcode, n: u64) {
        self.add_mix(opcode.mix(), n);
    }

    /// The classes of these instructions.
    pub fn of(ops: &[Op]) -> Self {
        let mut numbers = [0u64; OPCODES];
        for op in ops {
            numbers[op.opcode as usize] += 1;
        }
        Self::of_histogram(&numbers)
    }

    /// The classes of instructions counted by opcode number.
    pub fn of_histogram(numbers: &[u64]) -> Self {
        let mut classes = Self::default();
        for (&opcode, &n) in Opcode::ALL.iter().zip(numbers).filter(|(_, n)| **n != 0) {
            classes.add_opcode(opcode, n);
        }
        classes
    }
}

impl Sum for Classes {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        let mut all = Self::default();
        parts.for_each(|part| all += part);
        all
    }
}

impl Opcode {
    /// Its classes.
    pub fn mix(self) -> Mix {
        MIXES.get(self as usize).copied().unwrap_or_default()
    }
}

impl Mix {
    /// Whether it has a class in common with `other`.
    pub fn is_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The classes of the opcode with this text name.
fn classify(mnemonic: &str) -> Mix {
    let Some((head, action)) = mnemonic.split_once('.') else {
        return plain(mnemonic);
    };
    match head {
        "local" | "global" => Mix::variable,
        "memory" => memory(action),
        "table" if matches!(action, "copy" | "fill" | "init") => Mix::bulk,
        "i32" | "i64" | "f32" | "f64" => numeric(action),
        "v128" => numeric(action).and(Mix::simd),
        _ if is_shape(head) => numeric(action).and(Mix::simd),
        _ => Mix::default(),
    }
}

/// Names without a dot: control, and the parametric instructions.
fn plain(mnemonic: &str) -> Mix {
    match mnemonic {
        "nop" => Mix::nop,
        "drop" | "select" | "pause" | "atomic_fence" => Mix::default(),
        "call_indirect" | "call_ref" => Mix::control.and(Mix::indirect_call),
        "return_call" => Mix::control.and(Mix::tail_call),
        "return_call_indirect" | "return_call_ref" => {
            Mix::control.and(Mix::tail_call).and(Mix::indirect_call)
        }
        name if name.starts_with("cont_") => Mix::default(),
        _ => Mix::control,
    }
}

fn memory(action: &str) -> Mix {
    match action {
        "grow" => Mix::memory_grow,
        "copy" | "fill" | "init" | "discard" => Mix::bulk,
        "atomic.wait32" | "atomic.wait64" => Mix::load,
        _ => Mix::default(),
    }
}

/// What an instruction on numbers or vectors does.
fn numeric(action: &str) -> Mix {
    if let Some(atomic) = action.strip_prefix("atomic.") {
        let operation = atomic.rsplit_once('.').map(|(_, operation)| operation);
        let both = |operation| Mix::load.and(Mix::store).and(atomic_operation(operation));
        return operation.map_or_else(|| numeric(atomic), both);
    }
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| action.starts_with(prefix));
    match action {
        "const" => Mix::constant,
        "xor" => Mix::xor,
        "rotl" | "rotr" => Mix::rotate,
        "shl" | "shr_s" | "shr_u" => Mix::shift,
        "and" | "or" | "andnot" | "not" | "bitselect" | "relaxed_laneselect" => Mix::logic,
        "eq" | "ne" | "lt" | "gt" | "le" | "ge" | "eqz" | "any_true" | "all_true" => Mix::compare,
        "bitmask" => Mix::convert,
        "trunc" => Mix::arithmetic,
        "splat" | "shuffle" | "swizzle" | "relaxed_swizzle" => Mix::default(),
        _ if starts(&["load"]) => Mix::load,
        _ if starts(&["store"]) => Mix::store,
        _ if starts(&["lt_", "gt_", "le_", "ge_"]) => Mix::compare,
        _ if starts(&["extract_lane", "replace_lane"]) => Mix::default(),
        _ if starts(CONVERSIONS) => Mix::convert,
        _ => Mix::arithmetic,
    }
}

/// How the names of conversions begin.
const CONVERSIONS: &[&str] = &[
    "convert_",
    "demote_",
    "extend",
    "narrow_",
    "promote_",
    "reinterpret_",
    "relaxed_trunc_",
    "trunc_",
    "wrap_",
];

/// `add_u` of `i32.atomic.rmw8.add_u`. An exchange computes nothing.
fn atomic_operation(operation: &str) -> Mix {
    match operation.trim_end_matches("_u") {
        "xchg" | "cmpxchg" => Mix::default(),
        operation => numeric(operation),
    }
}

/// Whether a name before the dot is a shape of lanes, such as `i8x16`.
fn is_shape(head: &str) -> bool {
    let lanes = |range: Range<usize>| head.get(range).and_then(|part| part.split_once('x'));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    head.starts_with(['i', 'f'])
        && lanes(1..head.len()).is_some_and(|(width, number)| is_number(width) && is_number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes_of(mnemonic: &str) -> Vec<&'static str> {
        let mix = Opcode::from_mnemonic(mnemonic).unwrap_or_else(|| panic!("{mnemonic}")).mix();
        CLASSES.iter().enumerate().filter(|(bit, _)| mix.0 >> bit & 1 == 1).map(|(_, class)| *class).collect()
    }

    /// What the module's documentation leaves out.
    fn is_left_out(mnemonic: &str) -> bool {
        let heads = [
            "any.", "array.", "cont.", "elem.", "extern.", "i31.", "ref.", "struct.", "table.", "ref_",
            "cont_",
        ];
        let names = [
            "atomic.fence",
            "atomic_fence",
            "data.drop",
            "drop",
            "memory.atomic.notify",
            "memory.size",
            "pause",
            "select",
        ];
        heads.iter().any(|head| mnemonic.starts_with(head)) || names.contains(&mnemonic)
    }

    #[test]
    fn every_opcode_has_a_class_or_is_documented_to_have_none() {
        for &opcode in Opcode::ALL {
            let name = opcode.mnemonic();
            assert!(opcode.mix() != Mix::default() || is_left_out(name), "{name}");
            if is_left_out(name) && opcode.mix() != Mix::default() {
                assert_eq!(opcode.mix(), Mix::bulk, "{name}");
            }
        }
    }

    #[test]
    fn classes_are_those_of_the_documentation() {
        for (mnemonic, expected) in [
            ("i32.xor", &["xor"][..]),
            ("i64.xor", &["xor"]),
            ("v128.xor", &["xor", "simd"]),
            ("i32.rotl", &["rotate"]),
            ("i64.rotr", &["rotate"]),
            ("i32.shr_u", &["shift"]),
            ("i8x16.shr_s", &["shift", "simd"]),
            ("v128.andnot", &["logic", "simd"]),
            ("v128.bitselect", &["logic", "simd"]),
            ("i64.or", &["logic"]),
            ("i32.add", &["arithmetic"]),
            ("f64.sqrt", &["arithmetic"]),
            ("f32.trunc", &["arithmetic"]),
            ("f32x4.trunc", &["arithmetic", "simd"]),
            ("i32x4.dot_i16x8_s", &["arithmetic", "simd"]),
            ("i32x4.extmul_low_i16x8_s", &["arithmetic", "simd"]),
            ("i16x8.extadd_pairwise_i8x16_s", &["arithmetic", "simd"]),
            ("i64.add128", &["arithmetic"]),
            ("i32.eqz", &["compare"]),
            ("f64.le", &["compare"]),
            ("i64.lt_u", &["compare"]),
            ("v128.any_true", &["compare", "simd"]),
            ("i32.wrap_i64", &["convert"]),
            ("i32.trunc_sat_f64_u", &["convert"]),
            ("i64.extend32_s", &["convert"]),
            ("f32x4.demote_f64x2_zero", &["convert", "simd"]),
            ("i8x16.bitmask", &["convert", "simd"]),
            ("i8x16.shuffle", &["simd"]),
            ("i32x4.extract_lane", &["simd"]),
            ("i64.load16_s", &["load"]),
            ("v128.load64_zero", &["load", "simd"]),
            ("v128.store8_lane", &["store", "simd"]),
            ("i64.atomic.load32_u", &["load"]),
            ("i32.atomic.rmw8.xor_u", &["xor", "load", "store"]),
            ("i64.atomic.rmw.sub", &["arithmetic", "load", "store"]),
            ("i32.atomic.rmw16.cmpxchg_u", &["load", "store"]),
            ("memory.atomic.wait32", &["load"]),
            ("f64.const", &["constant"]),
            ("v128.const", &["constant", "simd"]),
            ("local.tee", &["variable"]),
            ("global.get", &["variable"]),
            ("block", &["control"]),
            ("br_table", &["control"]),
            ("unreachable", &["control"]),
            ("try_table", &["control"]),
            ("call", &["control"]),
            ("call_indirect", &["control", "indirect_call"]),
            ("return_call", &["control", "tail_call"]),
            ("return_call_ref", &["control", "indirect_call", "tail_call"]),
            ("nop", &["nop"]),
            ("memory.grow", &["memory_grow"]),
            ("memory.fill", &["bulk"]),
            ("table.init", &["bulk"]),
            ("table.grow", &[]),
            ("drop", &[]),
            ("select", &[]),
        ] {
            assert_eq!(classes_of(mnemonic), expected, "{mnemonic}");
        }
    }

    #[test]
    fn the_total_counts_all_and_sums_do_not_overflow() {
        let mut classes = Classes::default();
        let nop = Opcode::from_mnemonic("nop").expect("nop");
        classes.add_opcode(nop, 3);
        classes.add_opcode(Opcode::from_mnemonic("drop").expect("drop"), 4);
        assert_eq!((classes.total, classes.nop), (7, 3));
        assert_eq!((classes.get("total"), classes.get("nop"), classes.get("norp")), (Some(7), Some(3), None));
        classes.add_opcode(nop, u64::MAX);
        let sum: Classes = [classes, classes].into_iter().sum();
        assert_eq!((sum.total, sum.nop, sum.xor), (u64::MAX, u64::MAX, 0));
    }
}
