//! Negative numbers on the command line: `--invoke f -inf -0x1p3 -.5 --json`; and an export whose name begins
//! with a dash, with its arguments: `--invoke=-f -5`.
//!
//! clap takes what begins with `-` for an option, unless it is decimal. Here the sign of a number that
//! follows `--invoke` is hidden before clap sees it, and shown again when it has read the value. The sign is
//! hidden by a character that no argument of a process can hold.

use std::{
    convert::Infallible,
    error::Error as _,
    ffi::OsString,
    num::{IntErrorKind, ParseFloatError, ParseIntError},
};

use wasmspoor::Type;

/// Stands for the sign.
const HIDDEN: char = '\0';

/// Hides the signs of numbers among the values of `--invoke`. Behind `--invoke=f` clap takes no further
/// value: where numbers follow, the name becomes a value like them. Behind a plain name only negative ones
/// are numbers: what else stands there is FILE, as it was for `--invoke=f 12345`.
pub(super) fn hide(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut is_invoke = false;
    let mut hidden = Vec::new();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let Some(text) = argument.to_str() else {
            hidden.push(argument);
            continue;
        };
        if is_invoke && is_negative_number(text) {
            hidden.push(without_sign(text));
            continue;
        }
        let next = arguments.peek().and_then(|next| next.to_str());
        let export = text.strip_prefix("--invoke=").filter(|export| {
            next.is_some_and(|next| match export.starts_with('-') {
                true => is_number(next),
                false => is_negative_number(next),
            })
        });
        if text.starts_with('-') {
            is_invoke = text == "--invoke" || export.is_some();
        }
        match export {
            Some(export) => hidden.extend(["--invoke".into(), without_sign(export)]),
            None => hidden.push(argument),
        }
    }
    hidden
}

fn without_sign(text: &str) -> OsString {
    match text.strip_prefix('-') {
        Some(rest) => format!("{HIDDEN}{rest}").into(),
        None => text.into(),
    }
}

/// A message with the signs as they were typed: what is wrong elsewhere may be told with such a number in it.
pub(super) fn unhidden(message: &str) -> String {
    message.replace(HIDDEN, "-")
}

/// What is wrong with the command line, as clap says it. Of what is no number it is said what is expected.
pub(super) fn rendered(error: &clap::Error) -> String {
    let said = error.render().to_string();
    let Some(source) = error.source() else { return said };
    let whole = |error: &ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => "the number is too large; a smaller one is expected, such as 1000",
        _ => "a whole number of 0 or more is expected, in decimal digits, such as 1000",
    };
    let point = |_: &ParseFloatError| "a number is expected, such as 2.5";
    let expected = source.downcast_ref().map(whole).or_else(|| source.downcast_ref().map(point));
    let source = source.to_string();
    // What was given stands before it and may be anything.
    match expected.and_then(|expected| Some((expected, said.rfind(&source)?))) {
        Some((expected, at)) => format!("{}{expected}{}", &said[..at], &said[at + source.len()..]),
        None => said,
    }
}

/// The value as it was given.
pub(super) fn of(text: &str) -> String {
    match text.strip_prefix(HIDDEN) {
        Some(number) => format!("-{number}"),
        None => text.to_owned(),
    }
}

/// The same, as clap takes it.
pub(super) fn shown(text: &str) -> Result<String, Infallible> {
    Ok(of(text))
}

/// Whether `text` is a number.
fn is_number(text: &str) -> bool {
    [Type::I64, Type::F64].into_iter().any(|ty| ty.parse(text).is_ok())
}

/// Whether `text` begins as a negative number does; no option does. Whether it is one is seen when its type
/// is known.
fn is_negative_number(text: &str) -> bool {
    let Some(number) = text.strip_prefix('-') else { return false };
    let begins = |word: &str| number.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    number.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.')
        || begins("inf")
        || begins("nan")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_an_invocation_are_hidden() {
        let hidden = |words: &[&str]| {
            let words = hide(words.iter().map(OsString::from));
            words.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(
            hidden(&["run", "x", "--invoke", "f", "-inf", "3", "-0x1p3", "-nan:0x1", "-.5", "-v", "-1"]),
            ["run", "x", "--invoke", "f", "\0inf", "3", "\x000x1p3", "\0nan:0x1", "\0.5", "-v", "-1"]
        );
        assert_eq!(hidden(&["run", "--arg", "-inf", "-x", "-"]), ["run", "--arg", "-inf", "-x", "-"]);
        assert_eq!(
            hidden(&["run", "x", "--invoke=-f", "-5", "2", "-.5", "-v"]),
            ["run", "x", "--invoke", "\0f", "\x005", "2", "\0.5", "-v"]
        );
        assert_eq!(hidden(&["run", "--invoke=-x", "3.wasm"]), ["run", "--invoke=-x", "3.wasm"]);
        assert_eq!(hidden(&["run", "--invoke=f", "-inf"]), ["run", "--invoke", "f", "\0inf"]);
        assert_eq!(hidden(&["run", "--invoke=f", "12345"]), ["run", "--invoke=f", "12345"], "a file");
        assert_eq!(unhidden("unexpected \x005"), "unexpected -5");
        assert_eq!(shown("\0inf").unwrap(), "-inf");
        assert_eq!(shown("f").unwrap(), "f");
    }
}
