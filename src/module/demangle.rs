//! Names as the source of a program has them: those of Rust and C++ are mangled by their compilers.
//!
//! A sample may name a function anything, so what is long, nested or expands without end stays as it is.

use std::fmt::{self, Write};

use cpp_demangle::{BorrowedSymbol, DemangleOptions, ParseOptions};

use super::limits::{DEMANGLE_DEPTH, DEMANGLED_NAME, MANGLED_NAME};

/// The name in the source of what the compiler named `name`; `None` if it is not mangled.
pub fn demangled(name: &str) -> Option<String> {
    if name.len() > MANGLED_NAME {
        return None;
    }
    without_hash(name).or_else(|| of_rust(name)).or_else(|| of_cpp(name))
}

/// `core::fmt::write::h0123456789abcdef`, which linkers make of a mangled name, without the hash.
fn without_hash(name: &str) -> Option<String> {
    let (path, hash) = name.rsplit_once("::h")?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hash && !path.is_empty()).then(|| path.to_owned())
}

fn of_rust(name: &str) -> Option<String> {
    let is_rust = ["_ZN", "_R", "__ZN", "__R"].iter().any(|prefix| name.starts_with(prefix));
    let demangled = rustc_demangle::try_demangle(name).ok().filter(|_| is_rust)?;
    bounded(|text| write!(text, "{demangled:#}"))
}

fn of_cpp(name: &str) -> Option<String> {
    // Emscripten once put an underscore before every name.
    let name = if name.starts_with("__Z") { name.get(1..)? } else { name };
    if !name.starts_with("_Z") {
        return None;
    }
    let options = ParseOptions::default().recursion_limit(DEMANGLE_DEPTH);
    // The part after a name in clones and parts of it (`.llvm.123`) stays.
    let (symbol, tail) = BorrowedSymbol::with_tail_and_options(name.as_bytes(), &options).ok()?;
    let options = DemangleOptions::new().recursion_limit(DEMANGLE_DEPTH);
    let text = bounded(|text| symbol.structured_demangle(text, &options))?;
    let tail = std::str::from_utf8(tail).ok()?;
    (tail.is_empty() || tail.starts_with('.')).then(|| format!("{text}{tail}"))
}

/// What `write` writes, unless that is too long or fails.
fn bounded(write: impl FnOnce(&mut Bounded) -> fmt::Result) -> Option<String> {
    let mut text = Bounded(String::new());
    write(&mut text).ok()?;
    (!text.0.is_empty()).then_some(text.0)
}

struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > DEMANGLED_NAME {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_source() {
        for (name, expected) in [
            ("_ZN4core3fmt5write17h0123456789abcdefE", Some("core::fmt::write")),
            ("_RNvNtCs1234_7mycrate3foo3bar", Some("mycrate::foo::bar")),
            ("core::fmt::write::h0123456789abcdef", Some("core::fmt::write")),
            ("_Z3addii", Some("add(int, int)")),
            ("__Z3addii", Some("add(int, int)")),
            (
                "_ZNSt6vectorIiSaIiEE9push_backERKi",
                Some("std::vector<int, std::allocator<int> >::push_back(int const&)"),
            ),
            ("_Z3addii.llvm.12", Some("add(int, int) [clone .llvm.12]")),
            ("main", None),
            ("_Z", None),
            ("_Z3addii tail", None),
            ("runtime.mallocgc", None),
            ("::h0123456789abcdef", None),
        ] {
            assert_eq!(demangled(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn hostile_names_end() {
        // Each substitution holds the one before it twice.
        let doubling =
            format!("_Z1f{}", (0..200).fold("1aIiE".to_owned(), |text, _| format!("1aI{text}S_E")));
        let deep = format!("_Z{}i", "P".repeat(1500));
        let long = "_ZN".to_owned() + &"1a".repeat(10_000);
        let generic = format!("_RNvMC1a{}NtB2_1b1c", "I".repeat(900));
        for name in [doubling, deep, long, generic] {
            assert!(demangled(&name).is_none_or(|name| name.len() <= 2 * DEMANGLED_NAME), "{name}");
        }
    }
}
