//! The table of opcodes: one for each operator of every proposal, and its name in the text format.
//!
//! Derived from wasmparser's own list, so that none can be missing. The text name follows from the name of
//! the visitor method by a rule ([`mnemonic_of`]) with few exceptions; a test holds it against `wasmprinter`.
//!
//! The numbers follow wasmparser's order: store mnemonics, not numbers.

use std::sync::LazyLock;

use wasmparser::Operator;

macro_rules! define_opcodes {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// An operator without its immediates.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        #[allow(missing_docs)]
        pub enum Opcode {
            $($op,)*
        }

        impl Opcode {
            /// All opcodes; the opcode with number `n` stands at position `n`.
            pub const ALL: &[Self] = &[$(Self::$op,)*];

            /// The opcode of `operator`; `None` for an operator that is younger than this table.
            pub fn of(operator: &Operator<'_>) -> Option<Self> {
                match operator {
                    $(Operator::$op { .. } => Some(Self::$op),)*
                    _ => None,
                }
            }
        }

        /// Names of the visitor methods, by number.
        const VISITORS: &[&str] = &[$(stringify!($visit),)*];
    };
}
wasmparser::for_each_operator!(define_opcodes);

/// Text names by number.
static MNEMONICS: LazyLock<Box<[String]>> =
    LazyLock::new(|| VISITORS.iter().copied().map(mnemonic_of).collect());

/// What stands before the dot in a text name, beside the numeric types.
const NAMESPACES: &[&str] = &[
    "any", "array", "atomic", "cont", "data", "elem", "extern", "f32", "f64", "global", "i31", "i32", "i64",
    "local", "memory", "ref", "struct", "table", "v128",
];

/// Operators that differ by an immediate only share a text name.
const ENDINGS: &[(&str, &str)] = &[
    ("typed_select", "select"),
    ("typed_select_multi", "select"),
    ("ref_cast_desc_eq_non_null", "ref_cast_desc_eq"),
    ("ref_cast_desc_eq_nullable", "ref_cast_desc_eq"),
    ("ref_cast_non_null", "ref_cast"),
    ("ref_cast_nullable", "ref_cast"),
    ("ref_test_non_null", "ref_test"),
    ("ref_test_nullable", "ref_test"),
];

/// Number of opcodes.
pub const OPCODES: usize = Opcode::ALL.len();

impl Opcode {
    /// The name in the text format, such as `i32.add`. Not unique: both encodings of `select` have the same.
    pub fn mnemonic(self) -> &'static str {
        &MNEMONICS[self as usize]
    }

    /// The first opcode with this text name, if there is one. Walks the whole table.
    pub fn from_mnemonic(mnemonic: &str) -> Option<Self> {
        MNEMONICS.iter().position(|name| name == mnemonic).map(|number| Self::ALL[number])
    }
}

/// Makes `i32.atomic.rmw8.add_u` of `visit_i32_atomic_rmw8_add_u`.
fn mnemonic_of(visitor: &str) -> String {
    let name = visitor.strip_prefix("visit_").unwrap_or(visitor);
    let name = ENDINGS.iter().find(|(long, _)| *long == name).map_or(name, |(_, short)| short);
    let Some((head, tail)) = name.split_once('_').filter(|(head, _)| is_namespace(head)) else {
        return name.to_owned();
    };
    let Some(atomic) = tail.strip_prefix("atomic_") else {
        return format!("{head}.{tail}");
    };
    match atomic.split_once('_').filter(|_| atomic.starts_with("rmw")) {
        Some((width, action)) => format!("{head}.atomic.{width}.{action}"),
        None => format!("{head}.atomic.{atomic}"),
    }
}

fn is_namespace(head: &str) -> bool {
    let is_shape =
        || head.contains('x') && head.starts_with(['i', 'f']) && head.ends_with(|c: char| c.is_ascii_digit());
    NAMESPACES.contains(&head) || is_shape()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wasmparser::{BinaryReader, OperatorsReader};

    use super::*;

    #[test]
    fn numbers_are_positions() {
        for (number, &opcode) in Opcode::ALL.iter().enumerate() {
            assert_eq!(opcode as usize, number);
        }
    }

    #[test]
    fn a_text_name_leads_back() {
        for &opcode in Opcode::ALL {
            let back = Opcode::from_mnemonic(opcode.mnemonic()).expect("every text name is in the table");
            assert_eq!(back.mnemonic(), opcode.mnemonic());
        }
    }

    /// A module whose only body is `operator` and some `end`s.
    fn module_of(operator: &[u8], ends: usize) -> Vec<u8> {
        let mut body = vec![0];
        body.extend_from_slice(operator);
        body.extend(&[0x0b; 2][..ends]);
        let mut module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0".to_vec();
        let len = u8::try_from(body.len()).expect("short bodies");
        module.extend([0x0a, len + 2, 1, len]);
        module.extend(body);
        module
    }

    /// The bytes of every operator that can be followed by zeros, by opcode.
    fn encodings() -> BTreeMap<Opcode, Vec<u8>> {
        let leb = |n: u16| [(n & 0x7f) as u8 | 0x80, (n >> 7) as u8];
        let plain = (0..=0xfau8).map(|byte| vec![byte]);
        let prefixed = (0xfb..=0xfeu8)
            .flat_map(|prefix| (0..400).map(move |n| [vec![prefix], leb(n).to_vec()].concat()));
        let mut found = BTreeMap::new();
        for (code, filler) in plain.chain(prefixed).flat_map(|code| [(code.clone(), 0), (code, 0x40)]) {
            let bytes = [&code[..], &[filler; 24]].concat();
            let mut reader = OperatorsReader::new(BinaryReader::new(&bytes, 0));
            if let Ok(operator) = reader.read() {
                let len = reader.original_position() as usize;
                let opcode = Opcode::of(&operator).expect("the table is wasmparser's");
                found.entry(opcode).or_insert_with(|| bytes[..len].to_vec());
            }
        }
        found
    }

    #[test]
    fn text_names_are_those_of_wasmprinter() {
        let encodings = encodings();
        let mut compared = 0;
        for (opcode, bytes) in &encodings {
            let print = |ends| wasmprinter::print_bytes(module_of(bytes, ends)).ok();
            let Some(text) = print(1).or_else(|| print(2)) else { continue };
            let line = text.lines().nth(3).unwrap_or_default().trim_start();
            let name = line.split([' ', ')']).next().unwrap_or_default();
            assert_eq!(opcode.mnemonic(), name.trim_start_matches('('), "{opcode:?} in\n{text}");
            compared += 1;
        }
        assert!(compared >= 600, "only {compared} of {OPCODES} opcodes were compared");
    }
}
