//! The oracle's table of operators: the mnemonic of each in the text format and whether it always falls
//! through.
//!
//! One row for each operator, derived at compile time from the list in `wasmparser`, so none can be
//! forgotten. The mnemonic is the name of the visitor method with a dot after the type or namespace
//! (`visit_i32_add` is `i32.add`). A test sends every row through the text format and back. *Straight*
//! operators never trap, branch or call; whoever is not known to be straight is not, which costs a counter
//! and never exactness.
//!
//! Not here: operators of proposals that wasmi does not run. They have no row.

use wasmparser::Operator;

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Facts {
    /// As in the text format, for example `v128.load8_splat`.
    pub(crate) mnemonic: &'static str,
    /// Control always goes on to the next instruction in the body.
    pub(crate) straight: bool,
    /// The variant of `wasmparser::Operator`.
    #[cfg(test)]
    pub(crate) variant: &'static str,
}

/// What stands before the dot of a mnemonic.
const NAMESPACES: [&str; 17] = [
    "i32", "i64", "f32", "f64", "v128", "i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2", "local",
    "global", "memory", "table", "ref", "elem",
];

/// Operators of the first version of Wasm and of reference types, beside arithmetic, that never trap, branch
/// or call.
const STRAIGHT: [&str; 16] = [
    "nop",
    "block",
    "drop",
    "select",
    "typed_select",
    "typed_select_multi",
    "local_get",
    "local_set",
    "local_tee",
    "global_get",
    "global_set",
    "memory_size",
    "table_size",
    "ref_null",
    "ref_is_null",
    "ref_func",
];

/// The arithmetic of the first version of Wasm that may trap.
const TRAPPING: [&str; 16] = [
    "i32_div_s",
    "i32_div_u",
    "i32_rem_s",
    "i32_rem_u",
    "i64_div_s",
    "i64_div_u",
    "i64_rem_s",
    "i64_rem_u",
    "i32_trunc_f32_s",
    "i32_trunc_f32_u",
    "i32_trunc_f64_s",
    "i32_trunc_f64_u",
    "i64_trunc_f32_s",
    "i64_trunc_f32_u",
    "i64_trunc_f64_s",
    "i64_trunc_f64_u",
];

/// Proposals (as `wasmparser` spells them) that wasmi 2.0.0 runs.
const PROPOSALS: [&str; 9] = [
    "mvp",
    "sign_extension",
    "saturating_float_to_int",
    "reference_types",
    "bulk_memory",
    "tail_call",
    "simd",
    "relaxed_simd",
    "wide_arithmetic",
];

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn contains(list: &[&str], item: &str) -> bool {
    let mut i = 0;
    while i < list.len() {
        if equal(list[i], item) {
            return true;
        }
        i += 1;
    }
    false
}

/// The part of a visitor's name before its first underscore.
const fn head(name: &str) -> &str {
    let mut at = 0;
    while at < name.len() && name.as_bytes()[at] != b'_' {
        at += 1;
    }
    name.split_at(at).0
}

/// The bytes of the mnemonic for the visitor `visit_<name>`; `N` is its length.
const fn dotted<const N: usize>(name: &str) -> [u8; N] {
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = name.as_bytes()[i];
        i += 1;
    }
    let head = head(name);
    if head.len() < N && (contains(&NAMESPACES, head) || equal(head, "data")) {
        out[head.len()] = b'.';
    }
    out
}

const fn length(name: &str) -> usize {
    if equal(head(name), "typed") { "select".len() } else { name.len() }
}

const fn plain(name: &str) -> &str {
    if equal(head(name), "typed") { "select" } else { name }
}

/// Cuts `visit_` off.
const fn unprefixed(visitor: &str) -> &str {
    visitor.split_at("visit_".len()).1
}

const fn is_straight(proposal: &str, name: &str, immediates: &[&str]) -> bool {
    if equal(proposal, "simd") || equal(proposal, "relaxed_simd") {
        // Lanes and relaxed results never trap; what is left are loads and stores.
        return !contains(immediates, "memarg");
    }
    if equal(proposal, "sign_extension")
        || equal(proposal, "saturating_float_to_int")
        || equal(proposal, "wide_arithmetic")
    {
        return true;
    }
    let number = contains(&["i32", "i64", "f32", "f64"], head(name));
    let arithmetic =
        equal(proposal, "mvp") && number && !contains(immediates, "memarg") && !contains(&TRAPPING, name);
    arithmetic || contains(&STRAIGHT, name)
}

macro_rules! define_table {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
        /// The row of an operator, or `None` if wasmi does not run it.
        pub(crate) fn facts(operator: &Operator<'_>) -> Option<&'static Facts> {
            match operator {
                $( Operator::$op { .. } => const {
                    const NAME: &str = unprefixed(stringify!($visit));
                    const IMMEDIATES: &[&str] = &[$($(stringify!($arg)),*)?];
                    const BYTES: [u8; length(NAME)] = dotted(plain(NAME));
                    if contains(&PROPOSALS, stringify!($proposal)) {
                        Some(&Facts {
                            mnemonic: match std::str::from_utf8(&BYTES) {
                                Ok(mnemonic) => mnemonic,
                                Err(_) => panic!("a visitor's name is not ASCII"),
                            },
                            straight: is_straight(stringify!($proposal), NAME, IMMEDIATES),
                            #[cfg(test)]
                            variant: stringify!($op),
                        })
                    } else {
                        None
                    }
                }, )*
                _ => None,
            }
        }

        /// All rows, by the text of an instruction that has it.
        #[cfg(test)]
        fn texts() -> Vec<(&'static str, String)> {
            let mut all = Vec::new();
            $( if contains(&PROPOSALS, stringify!($proposal)) {
                let name = unprefixed(stringify!($visit));
                all.push((stringify!($op), tests::text(name, &[$($(stringify!($arg)),*)?])));
            } )*
            all
        }
    };
}
wasmparser::for_each_operator!(define_table);

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{Parser, Payload};

    /// The text of a whole instruction, spelled by hand where the mnemonic does not follow the rule under
    /// test.
    pub(super) fn text(name: &str, immediates: &[&str]) -> String {
        let mnemonic = match name {
            "typed_select" => return "select (result i32)".into(),
            "typed_select_multi" => return "select (result i32 i32)".into(),
            "block" | "loop" => return format!("{name} end"),
            "if" => return "if else end".into(),
            "else" => return "if else end".into(),
            "end" => return String::new(),
            name if name.starts_with("br") || name.starts_with("call") || name.starts_with("return") => {
                name.to_string()
            }
            name => name.replacen('_', ".", 1),
        };
        let mut text = mnemonic;
        for immediate in immediates {
            text.push_str(match *immediate {
                "memarg" => "",
                "hty" => " func",
                "lanes" => " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
                "value" if name == "v128_const" => " i32x4 0 0 0 0",
                "type_index" => " (type 0)",
                "table_index" => "",
                // The text has the memory or table first, the binary the segment; both are 0.
                _ => " 0",
            });
        }
        text
    }

    /// A module with one of everything that an instruction may name.
    fn module(instruction: &str) -> String {
        let fields =
            "(type (func)) (table 1 funcref) (memory 1) (elem func) (data) (global (mut i32) (i32.const 0))";
        format!("(module {fields} (func {instruction}))")
    }

    /// All operators of a body.
    fn operators(wat: &str) -> Vec<(String, Option<&'static Facts>)> {
        let wasm = wat::parse_str(wat).unwrap_or_else(|error| panic!("{wat}: {error}"));
        let mut all = Vec::new();
        for payload in Parser::new(0).parse_all(&wasm) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                for operator in body.get_operators_reader().unwrap() {
                    let operator = operator.unwrap();
                    let debug = format!("{operator:?}");
                    let variant = debug.split([' ', '(', '{']).next().unwrap().to_string();
                    all.push((variant, facts(&operator)));
                }
            }
        }
        all
    }

    #[test]
    fn mnemonics_are_those_of_the_text_format() {
        let rows = texts();
        assert_eq!(rows.len(), 464, "operators that wasmi runs");
        for (variant, text) in rows {
            let found = operators(&module(&text));
            let facts = found
                .iter()
                .find(|(name, _)| name == variant)
                .unwrap_or_else(|| panic!("`{text}` has no {variant}: {found:?}"))
                .1
                .expect("a row");
            assert_eq!(facts.variant, variant);
            let expected = if variant == "Else" || variant == "End" {
                facts.mnemonic
            } else {
                text.split(' ').next().unwrap()
            };
            assert_eq!(facts.mnemonic, expected, "{variant}");
        }
    }

    #[test]
    fn only_these_may_not_fall_through() {
        let mut found: Vec<_> = texts()
            .iter()
            .flat_map(|(_, text)| operators(&module(text)))
            .filter_map(|(_, facts)| facts)
            .filter(|facts| {
                !facts.straight && !facts.mnemonic.contains("load") && !facts.mnemonic.contains("store")
            })
            .map(|facts| facts.mnemonic)
            .collect();
        found.sort_unstable();
        found.dedup();
        let mut expected = vec![
            "unreachable",
            "loop",
            "if",
            "else",
            "end",
            "br",
            "br_if",
            "br_table",
            "return",
            "call",
            "call_indirect",
            "return_call",
            "return_call_indirect",
            "memory.grow",
            "memory.init",
            "memory.copy",
            "memory.fill",
            "data.drop",
            "elem.drop",
            "table.get",
            "table.set",
            "table.grow",
            "table.fill",
            "table.copy",
            "table.init",
        ];
        let trapping: Vec<String> = TRAPPING.iter().map(|name| name.replacen('_', ".", 1)).collect();
        expected.extend(trapping.iter().map(String::as_str));
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn operators_of_other_proposals_have_no_row() {
        let found =
            operators("(module (type (func)) (func (param (ref 0)) local.get 0 ref.as_non_null drop))");
        assert!(found.iter().any(|(name, facts)| name == "RefAsNonNull" && facts.is_none()), "{found:?}");
    }
}
