//! What a worker says, parsed and weighed before anything is done with it.
//!
//! A worker has read hostile bytes and may have been taken over, so it is believed nothing that can be
//! checked. A message has a largest size for its kind, and all messages of a worker have an [`Allowance`]
//! together. Lists have a largest length, and words that stand for one of a few are looked up. A worker whose
//! message does not hold is ended. Not here: in which order messages come (`process`), what limits a worker
//! while it is honest (`worker`).

use std::io::{self, Read};

use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny, IntoDeserializer, value::Error},
};

use super::limits::{
    LEFTOVER_BYTES, MAX_OUTCOME, MAX_PAGE, MAX_READY, MAX_REPORT, MAX_WAY, MAX_WORD, WAY_STEPS,
};
use super::{
    confine::{Confinement, LANDLOCK},
    frame,
    limits::MAX_SAMPLE_BYTES,
    rows::{Failure, MAX_ROWS, SampleRows},
};
use crate::{
    report::LeftoverKind,
    sandbox::{Answer, Status},
    verdict::Class,
};

/// To the worker: the sample.
pub const SAMPLE: u8 = b's';
/// From it: it is confined; [`Confinement`] in JSON. The first message, and no other is one.
pub const READY: u8 = b'r';
/// From it: a module; the length of the way to it (four bytes, little endian), the way in JSON, its bytes.
pub const MODULE: u8 = b'm';
/// From it: something that could not be looked into; way and failure in JSON.
pub const FAILURE: u8 = b'f';
/// From it: the rows of the sample in JSON, as far as its bytes tell, before it runs.
pub const BYTES: u8 = b'b';
/// From it: the rows of the sample in JSON.
pub const OUTCOME: u8 = b'o';
/// From it, if it was asked: the full report in JSON.
pub const REPORT: u8 = b'j';
/// From it, if it was asked: the page of the sample in HTML.
pub const PAGE: u8 = b'p';
/// From it, if it was asked: what the run left behind; laid out as [`MODULE`], with a [`Label`] for the way.
pub const LEFTOVER: u8 = b'l';
/// From it: it is done. A worker that falls silent without it has crashed.
pub const DONE: u8 = b'd';

/// What a worker says.
#[derive(Debug)]
#[non_exhaustive]
pub enum Message {
    /// It is confined.
    Ready(Confinement),
    /// A module, with the way to it.
    Module(Vec<String>, Vec<u8>),
    /// Something that could not be looked into, with the way to it.
    Failure(Vec<String>, Failure),
    /// The rows of the sample, as far as its bytes tell.
    Bytes(Box<SampleRows>),
    /// The rows of the sample.
    Outcome(Box<SampleRows>),
    /// The full report: an object in JSON.
    Report(String),
    /// The page of the sample.
    Page(String),
    /// What the run left behind.
    Leftover(Label, Vec<u8>),
    /// It is done.
    Done,
}

/// What something is that a run left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// What it is.
    pub kind: LeftoverKind,
    /// The path or socket that the sample knew it by, cut.
    pub name: Option<String>,
    /// What was done to a file.
    pub change: Option<String>,
}

/// What one worker may say in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Messages.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

impl Allowance {
    /// Reads the next message; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] if it is more than allowed or makes no sense; any other if `input`
    /// cannot be read.
    pub fn read(&mut self, input: &mut impl Read) -> io::Result<Option<Message>> {
        let Some((kind, payload)) = frame::read_bounded(input, |kind| most(kind).min(self.bytes as usize))?
        else {
            return Ok(None);
        };
        self.bytes = self.bytes.saturating_sub(payload.len() as u64);
        self.messages = self.messages.checked_sub(1).ok_or_else(|| nonsense("more messages than it may"))?;
        parse(kind, payload).map(Some)
    }
}

/// Bytes of a message of this kind at most.
fn most(kind: u8) -> usize {
    match kind {
        READY => MAX_READY,
        BYTES | OUTCOME => MAX_OUTCOME,
        FAILURE => MAX_WAY,
        MODULE => MAX_SAMPLE_BYTES as usize + MAX_WAY,
        REPORT => MAX_REPORT,
        PAGE => MAX_PAGE,
        LEFTOVER => LEFTOVER_BYTES as usize + MAX_WAY,
        _ => 0,
    }
}

fn parse(kind: u8, payload: Vec<u8>) -> io::Result<Message> {
    Ok(match kind {
        READY => {
            let confinement: Confinement = json(&payload)?;
            if !LANDLOCK.contains(&&*confinement.landlock) {
                return Err(nonsense("an unknown state of Landlock"));
            }
            Message::Ready(confinement)
        }
        BYTES | OUTCOME => {
            let outcome: Box<SampleRows> = json(&payload)?;
            check(&outcome).map_err(nonsense)?;
            if kind == BYTES { Message::Bytes(outcome) } else { Message::Outcome(outcome) }
        }
        DONE => Message::Done,
        FAILURE => {
            let (inside, failure) = json(&payload)?;
            Message::Failure(way(inside)?, failure)
        }
        MODULE => {
            let (inside, payload) = headed(payload)?;
            if payload.len() as u64 > MAX_SAMPLE_BYTES {
                return Err(nonsense("a module that is too large"));
            }
            Message::Module(way(inside)?, payload)
        }
        REPORT => {
            json::<IgnoredAny>(&payload)?;
            if !payload.starts_with(b"{") {
                return Err(nonsense("a report that is no object"));
            }
            Message::Report(String::from_utf8(payload).map_err(|_| nonsense("a report that is no text"))?)
        }
        PAGE => Message::Page(String::from_utf8(payload).map_err(|_| nonsense("a page that is no text"))?),
        LEFTOVER => {
            let (label, payload): (Label, _) = headed(payload)?;
            let is_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > MAX_WAY);
            if is_long(&label.name) || is_long(&label.change) {
                return Err(nonsense("a label that means nothing"));
            }
            Message::Leftover(label, payload)
        }
        other => return Err(nonsense(format!("a message of unknown kind {other}"))),
    })
}

/// Bytes with something in JSON before them.
fn headed<T: DeserializeOwned>(mut payload: Vec<u8>) -> io::Result<(T, Vec<u8>)> {
    let cut = || nonsense("a cut message");
    let (&len, rest) = payload.split_first_chunk().ok_or_else(cut)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_WAY {
        return Err(nonsense("a way that is too long"));
    }
    let head = json(rest.get(..len).ok_or_else(cut)?)?;
    // In place: a copy would be another 256 MiB.
    payload.drain(..4 + len);
    Ok((head, payload))
}

fn way(inside: Vec<String>) -> io::Result<Vec<String>> {
    if inside.len() > WAY_STEPS { Err(nonsense("a way of too many steps")) } else { Ok(inside) }
}

/// Checks what can be checked of the rows of a sample.
fn check(outcome: &SampleRows) -> Result<(), &'static str> {
    let SampleRows { sample, functions, host_calls, findings } = outcome;
    let lists = [sample.attack.len(), sample.reasons.len(), sample.limitations.len()];
    if lists.into_iter().chain([functions.len(), host_calls.len(), findings.len()]).any(|len| len > MAX_ROWS)
    {
        return Err("more rows than it may");
    }
    if sample.attack.iter().chain(&sample.family).any(|word| word.len() > MAX_WORD) {
        return Err("a word that is too long");
    }
    let of = |word: &Option<String>, is_known: fn(&str) -> bool| word.as_deref().is_none_or(is_known);
    let known = of(&sample.verdict, is_word::<Class>)
        && of(&sample.status, is_word::<Status>)
        && of(&sample.validity, |word| ["valid", "unsupported", "invalid"].contains(&word))
        && host_calls.iter().all(|row| is_word::<Answer>(&row.answer))
        && findings.iter().all(|row| ["rule", "correlation", "finding", "ioc"].contains(&&*row.kind));
    // It has a verdict or a failure, and failures are not the worker's to tell here.
    if known && sample.verdict.is_some() && sample.failure.is_none() {
        Ok(())
    } else {
        Err("a word that means nothing")
    }
}

/// Whether this is the name of a variant.
fn is_word<T: DeserializeOwned>(word: &str) -> bool {
    T::deserialize(IntoDeserializer::<Error>::into_deserializer(word)).is_ok()
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(|error| nonsense(error.to_string()))
}

/// The error of a worker that says what it may not.
pub(super) fn nonsense(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the worker sent {}", text.into()))
}

/// For tests whose workers are shell scripts.
#[cfg(all(test, unix))]
pub mod shell {
    use super::{BYTES, Confinement, OUTCOME, READY, SampleRows};
    use crate::scan::rows::SampleRow;

    /// The rows of a sample whose bytes say that it is malicious.
    pub fn bytes_words() -> String {
        let sample = SampleRow { verdict: Some("MALICIOUS".into()), score: 90, ..SampleRow::default() };
        say(BYTES, &serde_json::to_string(&SampleRows { sample, ..SampleRows::default() }).unwrap())
    }

    /// The rows of a sample about which there is nothing to say.
    pub fn outcome_words() -> String {
        let sample = SampleRow { verdict: Some("CLEAN".into()), ..SampleRow::default() };
        say(OUTCOME, &serde_json::to_string(&SampleRows { sample, ..SampleRows::default() }).unwrap())
    }

    /// A message, as a command of the shell.
    pub fn say(kind: u8, payload: &str) -> String {
        let [a, b, c, d] = (payload.len() as u32).to_le_bytes();
        format!("printf '{}\\{a:03o}\\{b:03o}\\{c:03o}\\{d:03o}%s' '{payload}'", kind as char)
    }

    /// The message of a worker that is confined.
    pub fn ready_words() -> String {
        let confinement = Confinement { landlock: "none".into(), ..Confinement::default() };
        say(READY, &serde_json::to_string(&confinement).unwrap())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::rows::{FailureKind, SampleRow};

    fn read(kind: u8, payload: &[u8]) -> io::Result<Option<Message>> {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, kind, &[payload]).unwrap();
        Allowance { messages: 1, bytes: 32 << 20 }.read(&mut &bytes[..])
    }

    fn said(outcome: &SampleRows) -> io::Result<Option<Message>> {
        read(OUTCOME, &serde_json::to_vec(outcome).unwrap())
    }

    #[test]
    fn words_are_looked_up() {
        let word = |word: &str| Some(word.to_owned());
        let good = SampleRow {
            verdict: word("POTENTIALLY_UNWANTED"),
            status: word("nothing_ran"),
            validity: word("valid"),
            ..SampleRow::default()
        };
        let of = |sample: SampleRow| SampleRows { sample, ..SampleRows::default() };
        assert!(matches!(said(&of(good.clone())), Ok(Some(Message::Outcome(_)))));
        for wrong in [
            SampleRow { verdict: word("HARMLESS"), ..good.clone() },
            SampleRow { status: word(""), ..good.clone() },
            SampleRow { validity: word("\u{1b}[2J"), ..good.clone() },
            SampleRow { attack: vec![String::new(); MAX_ROWS + 1], ..good.clone() },
            SampleRow { attack: vec!["T".repeat(MAX_WORD + 1)], ..good.clone() },
            SampleRow { family: Some("f".repeat(MAX_WORD + 1)), ..good.clone() },
            SampleRow { verdict: None, ..good.clone() },
        ] {
            assert_eq!(said(&of(wrong)).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        let confined = |landlock: &str| {
            let confinement = Confinement { landlock: landlock.into(), ..Confinement::default() };
            read(READY, &serde_json::to_vec(&confinement).unwrap())
        };
        assert!(confined("partial").is_ok());
        assert!(confined("very much").is_err());
    }

    #[test]
    fn reports_are_objects() {
        assert!(matches!(read(REPORT, b"{\"a\": [1]}"), Ok(Some(Message::Report(_)))));
        for wrong in [&b"5"[..], b"[]", b"{", b"{}{}", b"{\"a\": \"\xff\"}", b""] {
            assert_eq!(read(REPORT, wrong).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn sizes_and_numbers_are_bounded() {
        let steps = |count: usize| {
            let failure = Failure { kind: FailureKind::Broken, text: String::new() };
            serde_json::to_vec(&(vec![""; count], failure)).unwrap()
        };
        assert!(read(FAILURE, &steps(WAY_STEPS)).is_ok());
        for (kind, payload) in [
            (FAILURE, steps(WAY_STEPS + 1)),
            (READY, vec![b' '; MAX_READY + 1]),
            (OUTCOME, vec![b' '; MAX_OUTCOME + 1]),
            (DONE, vec![0]),
            (MODULE, vec![0; 3]),
            (MODULE, b"\x09\0\0\0[]".to_vec()),
            (MODULE, [&(MAX_WAY as u32 + 1).to_le_bytes()[..], b"[", &vec![b' '; MAX_WAY], b"]"].concat()),
            (b'x', Vec::new()),
        ] {
            assert_eq!(
                read(kind, &payload).unwrap_err().kind(),
                io::ErrorKind::InvalidData,
                "{}",
                kind as char
            );
        }
        let mut bytes = Vec::new();
        for _ in 0..3 {
            frame::write(&mut bytes, MODULE, &[b"\x02\0\0\0[]xyz"]).unwrap();
        }
        for (messages, bytes_allowed, expected) in [(3, 27, 3), (2, 27, 2), (3, 26, 2)] {
            let mut allowance = Allowance { messages, bytes: bytes_allowed };
            let mut input = &bytes[..];
            let taken = (0..3).take_while(|_| allowance.read(&mut input).is_ok()).count();
            assert_eq!(taken, expected);
        }
    }
}
