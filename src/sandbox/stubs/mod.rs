//! Stubs: how the user wants imported functions to answer, read from TOML (`docs/stubs.md`).
//!
//! Not here: which import gets which stub (`link`).

mod act;

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;
use toml::Spanned;

use crate::limitation::Limitation;

use super::{glob, wasi::Errno};

/// Stubs read from one file or several, in their order.
#[derive(Debug, Default)]
pub struct Stubs {
    stubs: Vec<Stub>,
}

/// What is wrong with a stub file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StubError {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for StubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for StubError {}

/// One stub.
#[derive(Debug, Clone)]
pub(super) struct Stub {
    module: String,
    name: String,
    answers: Vec<Number>,
    cycle: bool,
    errno: Option<Errno>,
    writes: Vec<Write>,
    trap: Option<String>,
    exit: Option<i32>,
    sleep_ms: u64,
}

/// A result.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    /// For any number type.
    Integer(i64),
    /// For a float; cut off for an integer.
    Float(f64),
}

/// Bytes that a stub writes to guest memory.
#[derive(Debug, Clone)]
struct Write {
    to: Target,
    offset: u32,
    bytes: Vec<u8>,
}

/// Where they go.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// To where this argument points.
    Arg(usize),
    /// To this address.
    Address(u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    stub: Vec<Spanned<Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default = "anything")]
    module: String,
    name: String,
    returns: Option<Number>,
    sequence: Option<Vec<Number>>,
    #[serde(default)]
    cycle: bool,
    errno: Option<Spanned<String>>,
    #[serde(default)]
    write: Vec<Spanned<WriteTable>>,
    trap: Option<String>,
    exit: Option<i32>,
    #[serde(default)]
    sleep_ms: u64,
}

#[derive(Deserialize)]
struct WriteTable {
    arg: Option<usize>,
    address: Option<u32>,
    #[serde(default)]
    offset: u32,
    #[serde(flatten)]
    value: BTreeMap<String, toml::Value>,
}

fn anything() -> String {
    "*".into()
}

impl Stubs {
    /// Reads a stub file. `file` is its name for messages.
    ///
    /// # Errors
    ///
    /// If it is not TOML, or holds a key or a value that means nothing.
    pub fn parse(file: &str, text: &str) -> Result<Self, StubError> {
        let error = |offset: usize, message: String| StubError {
            file: file.to_owned(),
            line: line(text, offset),
            message,
        };
        let parsed: File = toml::from_str(text).map_err(|wrong| {
            let offset = wrong.span().map_or(0, |span| span.start);
            error(offset, wrong.message().to_owned())
        })?;
        let stubs = parsed.stub.into_iter().map(|table| {
            let start = table.span().start;
            Stub::from_table(table.into_inner())
                .map_err(|(offset, message)| error(offset.unwrap_or(start), message))
        });
        Ok(Self { stubs: stubs.collect::<Result<_, _>>()? })
    }

    /// Reads all files; a file that is wrong is left out, and `limitations` says why.
    pub(super) fn read(files: &[(String, String)], limitations: &mut Vec<Limitation>) -> Self {
        let mut all = Self::default();
        for (file, text) in files {
            match Self::parse(file, text) {
                Ok(stubs) => all.stubs.extend(stubs.stubs),
                Err(error) => limitations.push(Limitation::StubFileUnused { error: error.to_string() }),
            }
        }
        all
    }

    /// The first stub for an import, and its position.
    pub(super) fn find(&self, module: &str, name: &str) -> Option<(usize, &Stub)> {
        let matches = |stub: &&Stub| glob::matches(&stub.module, module) && glob::matches(&stub.name, name);
        let position = self.stubs.iter().position(|stub| matches(&stub))?;
        Some((position, &self.stubs[position]))
    }

    /// Number of stubs.
    pub fn len(&self) -> usize {
        self.stubs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.stubs.is_empty()
    }
}

/// Offset of what is wrong, if it is not the stub as a whole, and what it is.
type Wrong = (Option<usize>, String);

impl Stub {
    fn from_table(table: Table) -> Result<Self, Wrong> {
        let answers = match (table.returns, table.sequence) {
            (Some(_), Some(_)) => return Err((None, "`returns` and `sequence` exclude each other".into())),
            (Some(value), None) => vec![value],
            (None, Some(values)) if values.is_empty() => return Err((None, "`sequence` is empty".into())),
            (None, values) => values.unwrap_or_default(),
        };
        let errno = table.errno.map(|errno| {
            let offset = errno.span().start;
            let unknown =
                || (Some(offset), format!("`{}` is no WASI error; `noent` would be one", errno.get_ref()));
            Errno::named(errno.get_ref()).ok_or_else(unknown)
        });
        let errno = errno.transpose()?;
        if errno.is_some() && !answers.is_empty() {
            return Err((None, "`errno` excludes `returns` and `sequence`".into()));
        }
        if table.trap.is_some() && table.exit.is_some() {
            return Err((None, "`trap` and `exit` exclude each other".into()));
        }
        let writes = table.write.into_iter().map(|write| {
            let offset = write.span().start;
            Write::from_table(write.into_inner()).map_err(|message| (Some(offset), message))
        });
        Ok(Self {
            module: table.module,
            name: table.name,
            answers,
            cycle: table.cycle,
            errno,
            writes: writes.collect::<Result<_, _>>()?,
            trap: table.trap,
            exit: table.exit,
            sleep_ms: table.sleep_ms,
        })
    }
}

impl Write {
    fn from_table(table: WriteTable) -> Result<Self, String> {
        let to = match (table.arg, table.address) {
            (Some(arg), None) => Target::Arg(arg),
            (None, Some(address)) => Target::Address(address),
            _ => return Err("`write` needs `arg` or `address`".into()),
        };
        let mut values = table.value.into_iter();
        let (Some((key, value)), None) = (values.next(), values.next()) else {
            return Err("`write` needs one of `text`, `hex`, `u8`, `u16`, `u32`, `u64`, `f32`, `f64`".into());
        };
        Ok(Self { to, offset: table.offset, bytes: bytes_of(&key, &value)? })
    }
}

/// The bytes that a key and its value stand for.
fn bytes_of(key: &str, value: &toml::Value) -> Result<Vec<u8>, String> {
    let misfit = || format!("`{key}` cannot be {value}");
    let integer = || value.as_integer().ok_or_else(misfit);
    let float = || value.as_float().or(value.as_integer().map(|value| value as f64)).ok_or_else(misfit);
    let narrow = |bits: u32| match integer()? {
        value if (-(1i64 << (bits - 1))..1i64 << bits).contains(&value) => Ok(value),
        _ => Err(misfit()),
    };
    Ok(match key {
        "text" => value.as_str().ok_or_else(misfit)?.as_bytes().to_vec(),
        "hex" => hex(value.as_str().ok_or_else(misfit)?).ok_or_else(misfit)?,
        "u8" => vec![narrow(8)? as u8],
        "u16" => (narrow(16)? as u16).to_le_bytes().to_vec(),
        "u32" => (narrow(32)? as u32).to_le_bytes().to_vec(),
        "u64" => integer()?.to_le_bytes().to_vec(),
        "f32" => (float()? as f32).to_le_bytes().to_vec(),
        "f64" => float()?.to_le_bytes().to_vec(),
        _ => return Err(format!("unknown key `{key}`")),
    })
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = digits.chunks(2).map(|pair| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect()
}

fn line(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_read() {
        for (file, text) in [
            ("miner-pool.toml", include_str!("../../../rules/stubs/miner-pool.toml")),
            ("time-bomb.toml", include_str!("../../../rules/stubs/time-bomb.toml")),
            ("offline.toml", include_str!("../../../rules/stubs/offline.toml")),
        ] {
            let stubs = Stubs::parse(file, text).unwrap();
            assert!(!stubs.is_empty(), "{file}");
        }
    }

    #[test]
    fn the_first_stub_that_matches_is_taken() {
        let text =
            "[[stub]]\nmodule = 'env'\nname = 'get_*'\nreturns = 1\n[[stub]]\nname = '*'\nreturns = 2.5";
        let stubs = Stubs::parse("f", text).unwrap();
        assert_eq!(stubs.find("env", "get_job").unwrap().0, 0);
        assert_eq!(stubs.find("other", "get_job").unwrap().0, 1);
        assert!(Stubs::default().find("env", "x").is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line, part) in [
            ("[[stub]]\nname = 'a'\nretruns = 1", 3, "retruns"),
            ("[[stub]]\nreturns = 1", 1, "name"),
            ("\n\n[[stub]]\nname = 'a'\nerrno = 'nosuch'", 5, "nosuch"),
            ("[[stub]]\nname = 'a'\nreturns = 1\nsequence = [1]", 1, "exclude"),
            ("[[stub]]\nname = 'a'\nsequence = []", 1, "empty"),
            ("[[stub]]\nname = 'a'\nwrite = [{ arg = 0 }]", 3, "one of"),
            ("[[stub]]\nname = 'a'\nwrite = [{ text = 'x' }]", 3, "`arg` or `address`"),
            ("[[stub]]\nname = 'a'\nwrite = [{ arg = 0, u8 = 256 }]", 3, "cannot be 256"),
            ("[[stub]]\nname = 'a'\nwrite = [{ arg = 0, hex = 'abc' }]", 3, "cannot be"),
            ("[[stub]]\nname = 'a'\ntrap = 'x'\nexit = 1", 1, "exclude"),
            ("nonsense", 1, ""),
        ] {
            let error = Stubs::parse("f.toml", text).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(
                error.to_string().starts_with(&format!("f.toml:{line}: ")) && error.message.contains(part),
                "{text}: {error}"
            );
        }
    }
}
