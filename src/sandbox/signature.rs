//! What the arguments of a known function mean, written as text: `fd iovs:ciov count written`.
//!
//! One word for each argument, a name and, after a colon, what it is:
//!
//! | kind | argument |
//! |---|---|
//! | none | an `i32`, taken as it is |
//! | `L` | an `i64` |
//! | `str`, `in`, `out` | points at text, at bytes, at bytes that the call writes; the next argument is their length |
//! | `ciov`, `iov` | points at pairs of pointer and length, whose bytes the call reads or writes; the next argument counts them |
//! | `cstr`, `utf16` | points at text that ends with a zero; at text in UTF-16 whose length in bytes stands before it |
//! | `job` | points at 76 bytes that the call writes |
//! | `units` | refers to an array of 16-bit units; the next two arguments say which of them are read |
//!
//! Not here: reading what an argument points at (`log`).

/// What an argument points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Plain,
    /// Text; the next argument is its length.
    Str,
    /// Bytes that the call reads; the next argument is their length.
    In,
    /// Bytes that the call writes; the next argument is their length.
    Out,
    /// Pairs of pointer and length that the call reads; the next argument counts them.
    Ciov,
    /// The same, that the call writes.
    Iov,
    /// Text that ends with a zero.
    CStr,
    /// Text in UTF-16, its length in bytes in the word before it.
    Utf16,
    /// 76 bytes that the call writes.
    Job,
    /// An array of 16-bit units, read from the next argument on and up to the one after.
    Units,
    /// Not known: it is looked at whether it looks like a pointer.
    Guess,
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether it is an `i64`.
    pub(super) is_wide: bool,
}

/// Reads the text. A word that is not in the table above counts as no kind; a test walks all tables.
pub(super) fn parse(text: &'static str) -> Vec<Param> {
    let param = |word: &'static str| {
        let (name, kind) = word.split_once(':').unwrap_or((word, ""));
        Param { name, kind: kind_of(kind).unwrap_or(Kind::Plain), is_wide: kind == "L" }
    };
    text.split_whitespace().map(param).collect()
}

/// The kind that a word means.
pub(super) fn kind_of(word: &str) -> Option<Kind> {
    Some(match word {
        "" | "L" => Kind::Plain,
        "str" => Kind::Str,
        "in" => Kind::In,
        "out" => Kind::Out,
        "ciov" => Kind::Ciov,
        "iov" => Kind::Iov,
        "cstr" => Kind::CStr,
        "utf16" => Kind::Utf16,
        "job" => Kind::Job,
        "units" => Kind::Units,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_arguments() {
        let params = parse("fd iovs:ciov count offset:L");
        let expected = [
            ("fd", Kind::Plain, false),
            ("iovs", Kind::Ciov, false),
            ("count", Kind::Plain, false),
            ("offset", Kind::Plain, true),
        ];
        let found: Vec<_> = params.iter().map(|param| (param.name, param.kind, param.is_wide)).collect();
        assert_eq!(found, expected);
        assert!(parse("").is_empty());
    }
}
