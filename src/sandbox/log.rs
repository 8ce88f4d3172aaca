//! The log of host calls: arguments with what they point at, results, time; aligned with the records of the
//! trace.
//!
//! Bounded: [`MAX_CALLS`] calls and [`LOG_BYTES`] bytes in all. One function cannot use up either. A part is
//! for the functions of WASI alone, a little for each of them (`quota`). So a sample cannot hide what it does
//! behind a flood of calls. What is beyond is counted.
//!
//! Not here: which argument is what (`signature`).

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

pub(super) use super::limits::IOVS;
use super::limits::{LOG_ARGS, LOG_BYTES, LOG_NAMES, MEASURED, STRING_MEASURED};
use super::{
    quota::Quota,
    signature::{Kind, Param},
    types::{Answer, Arg, Call, MAX_ARGS, MAX_CALLS, MAX_POINTED, Pointed},
};
use crate::{
    module::{FuncIndex, view::entropy},
    tracer::{Caller, Value},
};

/// Functions of WASI: each has a part of what is kept for them.
const WASI: usize = 46;

/// What was logged.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) calls: Vec<Call>,
    pub(super) cut: u64,
    /// Those of them that did nothing outside the sample, by function.
    pub(super) inner: BTreeMap<FuncIndex, u64>,
    places: Quota,
    bytes: Quota,
    /// Bytes that the call of the moment wrote to its vectors, which may be fewer than there was room for.
    pub(super) transferred: Option<u64>,
    /// Arguments that were not kept, or whose target was not, and results, for want of room.
    pub(super) args_cut: u64,
}

impl Default for Log {
    fn default() -> Self {
        let (places, bytes) = (Quota::of(MAX_CALLS, WASI), Quota::of(LOG_BYTES, WASI));
        Self {
            calls: Vec::new(),
            cut: 0,
            inner: BTreeMap::new(),
            places,
            bytes,
            transferred: None,
            args_cut: 0,
        }
    }
}

/// The function that a call is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Callee<'c> {
    /// What its room is kept under: its name, cut.
    pub(super) quota: &'c Arc<str>,
    /// Bytes of both parts of its name.
    pub(super) names_len: usize,
    pub(super) answer: Answer,
    pub(super) params: &'c [Param],
}

impl Callee<'_> {
    fn is_wasi(&self) -> bool {
        self.answer == Answer::Wasi
    }
}

impl Log {
    /// Takes a place for another call; counts the call if there is none.
    pub(super) fn take(&mut self, callee: Callee<'_>) -> bool {
        self.transferred = None;
        let has_room = self.places.has_room(callee.quota, callee.is_wasi());
        match has_room {
            true => self.places.take(callee.quota, callee.is_wasi(), 1 + callee.names_len / LOG_NAMES),
            false => self.cut += 1,
        }
        has_room
    }

    /// A call that is not in the log did nothing outside the sample.
    pub(super) fn note_inner(&mut self, func: FuncIndex) {
        *self.inner.entry(func).or_default() += 1;
    }

    /// Position of the call that began last, if it was logged.
    pub(super) fn last(&self) -> Option<usize> {
        if self.cut > 0 { None } else { self.calls.len().checked_sub(1) }
    }

    /// How many of so many arguments or results of `callee`, each of this size, are kept: without room a few.
    fn kept(&mut self, callee: Callee<'_>, count: usize, few: usize, size: usize) -> usize {
        let has_room = self.bytes.has_room(callee.quota, callee.is_wasi());
        let kept = count.min(if has_room { MAX_ARGS } else { few });
        self.args_cut += (count - kept) as u64;
        self.bytes.take(callee.quota, callee.is_wasi(), kept * size);
        kept
    }

    /// The arguments of `call`, with what those point at that the call reads (or, `after` it, writes).
    pub(super) fn args(&mut self, call: &Caller<'_>, callee: Callee<'_>) -> Vec<Arg> {
        let values = call.args();
        let kept = self.kept(callee, values.len(), LOG_ARGS, size_of::<Arg>());
        let mut args: Vec<Arg> =
            values.iter().take(kept).map(|&value| Arg { name: None, value, points_at: None }).collect();
        let known = callee.params.len() == values.len();
        let mut is_length = false;
        for (index, arg) in args.iter_mut().enumerate() {
            let param = callee.params.get(index).filter(|_| known);
            let kind = param.map_or(Kind::Guess, |param| param.kind);
            arg.name = param.map(|param| Cow::Borrowed(param.name));
            let is_followed = !matches!(kind, Kind::Plain | Kind::Out | Kind::Iov | Kind::Job | Kind::Units);
            if is_followed && !std::mem::take(&mut is_length) {
                arg.points_at = self.follow(call, callee, index, kind);
                is_length = kind == Kind::Guess && arg.points_at.is_some() && measures(call, index);
            }
        }
        args
    }

    /// Says of an argument what it is the number of, if there is room for that.
    pub(super) fn name(&mut self, callee: Callee<'_>, arg: &mut Arg, name: String) {
        if self.bytes.has_room(callee.quota, callee.is_wasi()) && name.len() <= MAX_POINTED {
            self.bytes.take(callee.quota, callee.is_wasi(), name.len());
            arg.points_at = Some(Pointed::Resource { name });
        } else {
            self.args_cut += 1;
        }
    }

    /// Whether there is room for what an argument of such a function is.
    pub(super) fn has_room(&self, callee: Callee<'_>) -> bool {
        self.bytes.has_room(callee.quota, callee.is_wasi())
    }

    /// Says of an argument what string it is, if there is room for that.
    pub(super) fn text(&mut self, callee: Callee<'_>, arg: &mut Arg, text: &str) {
        if !self.has_room(callee) {
            self.args_cut += 1;
            return;
        }
        self.bytes.take(callee.quota, callee.is_wasi(), text.len().min(MAX_POINTED));
        arg.points_at = Some(string(text.as_bytes(), text.len() as u64));
    }

    /// The results of `call`.
    pub(super) fn results(&mut self, call: &Caller<'_>, callee: Callee<'_>) -> Vec<Value> {
        let mut results = call.results();
        results.truncate(self.kept(callee, results.len(), 1, size_of::<Value>()));
        results
    }

    /// Adds to `args` what the call wrote.
    pub(super) fn written(&mut self, call: &Caller<'_>, callee: Callee<'_>, args: &mut [Arg]) {
        if callee.params.len() == args.len() {
            for (index, param) in callee.params.iter().enumerate() {
                if matches!(param.kind, Kind::Out | Kind::Iov | Kind::Job) {
                    args[index].points_at = self.follow(call, callee, index, param.kind);
                }
            }
        }
    }

    fn follow(&mut self, call: &Caller<'_>, callee: Callee<'_>, index: usize, kind: Kind) -> Option<Pointed> {
        let address = address(call, index)?;
        if !self.bytes.has_room(callee.quota, callee.is_wasi()) {
            // Whether it points at anything is not looked at any more.
            self.args_cut += 1;
            return None;
        }
        let len = || self::address(call, index + 1);
        let pointed = match kind {
            Kind::Plain | Kind::Units => None,
            Kind::Str => {
                let len = len()?;
                call.read_memory(address, len.min(MAX_POINTED as u64)).map(|head| string(head, len))
            }
            Kind::In | Kind::Out => bytes(call, address, len()?),
            Kind::Ciov => vectors(call, address, len()?, u64::MAX),
            Kind::Iov => vectors(call, address, len()?, self.transferred.take().unwrap_or(0)),
            Kind::CStr => long_string(call, address).map(|all| string(all, all.len() as u64)),
            Kind::Utf16 => utf16(call, address),
            Kind::Job => bytes(call, address, 76),
            Kind::Guess => guess(call, index, address),
        }?;
        let size = match &pointed {
            Pointed::Text { text } => text.len(),
            Pointed::Bytes { hex, .. } => hex.len(),
            Pointed::Resource { name } => name.len(),
        };
        self.bytes.take(callee.quota, callee.is_wasi(), size);
        Some(pointed)
    }
}

/// An argument as an address or a length.
pub(super) fn address(call: &Caller<'_>, index: usize) -> Option<u64> {
    match *call.args().get(index)? {
        Value::I32(value) => Some(u64::from(value as u32)),
        Value::I64(value) => Some(value as u64),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Pointed {
    Pointed::Text { text: String::from_utf8_lossy(bytes).into_owned() }
}

/// `len` bytes, as text if that is what they are.
fn bytes(call: &Caller<'_>, address: u64, len: u64) -> Option<Pointed> {
    let head = call.read_memory(address, len.min(MEASURED as u64))?;
    (len > 0).then(|| describe(head, len))
}

fn describe(head: &[u8], len: u64) -> Pointed {
    if len <= MAX_POINTED as u64 && is_printable(head) {
        return text(head);
    }
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let kept = &head[..head.len().min(MAX_POINTED)];
    let hex = kept
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]));
    Pointed::Bytes { hex: hex.collect(), len, entropy: entropy(head) }
}

/// What is a text by what the function is. A longer one than is kept is kept as its bytes and their number.
fn string(head: &[u8], len: u64) -> Pointed {
    let kept = &head[..head.len().min(MAX_POINTED)];
    match len > MAX_POINTED as u64 && text_in(kept).is_some() {
        true => describe(head, len),
        false => text(kept),
    }
}

/// The bytes of all vectors in a row, up to `left`; those beyond the limits count towards the length only.
fn vectors(call: &Caller<'_>, address: u64, count: u64, mut left: u64) -> Option<Pointed> {
    let (mut head, mut len) = (Vec::new(), 0u64);
    for index in 0..count.min(IOVS) {
        let pair = call.read_memory(address.checked_add(8 * index)?, 8)?;
        let word = |at: usize| {
            pair.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
        };
        let (start, size) = (u64::from(word(0)), u64::from(word(4)).min(left));
        left -= size;
        let room = (MEASURED - head.len()) as u64;
        head.extend_from_slice(call.read_memory(start, size.min(room))?);
        len = len.saturating_add(size);
    }
    (len > 0).then(|| describe(&head, len))
}

/// The bytes before the first zero, at most [`MAX_POINTED`].
pub(super) fn c_string<'c>(call: &'c Caller<'_>, address: u64) -> Option<&'c [u8]> {
    let room = call.memory_len().checked_sub(address)?.min(MAX_POINTED as u64);
    let bytes = call.read_memory(address, room)?;
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    Some(&bytes[..end])
}

/// The same, as far as the length of one is measured.
fn long_string<'c>(call: &'c Caller<'_>, address: u64) -> Option<&'c [u8]> {
    let short = c_string(call, address)?;
    if short.len() < MAX_POINTED || text_in(short).is_none() {
        return Some(short);
    }
    let room = call.memory_len().checked_sub(address)?.min(STRING_MEASURED as u64);
    let bytes = call.read_memory(address, room)?;
    Some(&bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())])
}

/// Text as AssemblyScript keeps it.
fn utf16(call: &Caller<'_>, address: u64) -> Option<Pointed> {
    let len = call.read_memory(address.checked_sub(4)?, 4)?;
    let len = u64::from(u32::from_le_bytes(len.try_into().ok()?)).min(STRING_MEASURED as u64);
    let bytes = call.read_memory(address, len & !1)?;
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    (!text.is_empty()).then(|| string(text.as_bytes(), text.len() as u64))
}

/// The bytes that an argument of an unknown function points at, if it looks like an address. They are text
/// that ends with a zero, or bytes with their length in the next argument. A small number is no address,
/// unless a text of that length begins there, or one that ends with a zero and is not a part of a longer one.
fn guess(call: &Caller<'_>, index: usize, address: u64) -> Option<Pointed> {
    if !matches!(call.args().get(index), Some(Value::I32(_) | Value::I64(_))) {
        return None;
    }
    if let Some((head, len)) = measured(call, index).filter(|(head, _)| address >= 1024 || is_printable(head))
    {
        let all_zero = head.iter().all(|&byte| byte == 0);
        return (!all_zero).then(|| describe(head, len));
    }
    if address < 64 || address < 1024 && is_inside(call, address) {
        return None;
    }
    let all = long_string(call, address)?;
    let is_whole = all.len() >= 4 && all.len() < STRING_MEASURED && is_printable(all);
    is_whole.then(|| string(all, all.len() as u64))
}

/// The bytes from an address on whose number the next argument is, and that number, if they may be such.
fn measured<'c>(call: &'c Caller<'_>, index: usize) -> Option<(&'c [u8], u64)> {
    let len = address(call, index + 1).filter(|len| (4..=0x10_0000).contains(len))?;
    Some((call.read_memory(address(call, index)?, len.min(MEASURED as u64))?, len))
}

/// Whether the argument after one that points at something is the length of that, and no address. Where a
/// text ends before that length, both may be addresses of texts.
fn measures(call: &Caller<'_>, index: usize) -> bool {
    measured(call, index).is_some_and(|(head, _)| {
        is_printable(head)
            || !memchr::memchr(0, head).is_some_and(|end| end >= 4 && is_printable(&head[..end]))
    })
}

/// Whether the byte before an address is one of a text.
fn is_inside(call: &Caller<'_>, address: u64) -> bool {
    let before = address.checked_sub(1).and_then(|before| call.read_memory(before, 1));
    before.is_some_and(|before| before[0] > b' ' && before[0] != 0x7f)
}

/// The number of bytes that an argument of an unknown function points at, if it looks as if it did.
pub(super) fn guessed(call: &Caller<'_>, index: usize, address: u64) -> Option<u64> {
    match guess(call, index, address)? {
        Pointed::Text { text } if text.len() >= MAX_POINTED => self::address(call, index + 1),
        Pointed::Text { text } => Some(text.len() as u64),
        Pointed::Bytes { len, .. } => Some(len),
        Pointed::Resource { .. } => None,
    }
}

/// The text that bytes are, the last character of which may be cut.
pub(super) fn text_in(bytes: &[u8]) -> Option<&str> {
    let whole = match std::str::from_utf8(bytes) {
        Ok(_) => bytes,
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        Err(_) => return None,
    };
    std::str::from_utf8(whole).ok().filter(|text| is_printable(text.as_bytes()))
}

/// Whether bytes are UTF-8 without control characters other than white space.
fn is_printable(bytes: &[u8]) -> bool {
    let plain = |&byte: &u8| byte >= b' ' && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b);
    bytes.iter().all(plain) && std::str::from_utf8(bytes).is_ok()
}
