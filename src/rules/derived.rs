//! Facts that no pass has on its own, because they join the bytes with what host calls were given.
//!
//! *Decoded texts*: a text that a host call was given and that does not stand in the file. It does stand
//! there under one key of an exclusive or, or of an addition, of a byte. Both keep something: the first the
//! xor of neighbours, the second their difference. So the file is searched once for each text and operation,
//! not once for each key. *Returned reads*: bytes that a call read from a file and a later call sent away.
//!
//! Costs a pass over the file for each of at most [`MAX_TEXTS`] texts.

use std::{
    borrow::Cow,
    cell::LazyCell,
    collections::{BTreeSet, HashSet},
};

use crate::{
    categories::{known_as, standard_stream},
    hex,
    sandbox::{Call, Pointed},
};

use super::limits::{MAX_READS, MAX_TEXTS, SEARCHED_FILE};

/// Shorter texts are found by chance.
const MIN_TEXT: usize = 6;
/// Bytes that a read and a send must have in common.
const MIN_COMMON: usize = 8;

/// What two neighbours keep when a byte is combined with both: by exclusive or, by addition.
const DIFFERENCES: [fn(u8, u8) -> u8; 2] = [|a, b| a ^ b, |a, b| b.wrapping_sub(a)];

/// The joined facts.
#[derive(Debug, Default)]
pub(super) struct Derived {
    /// Texts that host calls were given and that stand encoded in the file.
    pub(super) decoded_texts: Vec<String>,
    /// Texts that host calls were given and that do not stand in the file as they are.
    pub(super) new_texts: u64,
    /// Those of them that look like a URL, an address with a port, or a path.
    pub(super) new_addresses: u64,
    /// Calls that sent what an earlier call had read from a file that no argument names.
    pub(super) returned_reads: Vec<u32>,
    /// The position from which on calls may open what no argument names.
    pub(super) asked: usize,
}

impl Derived {
    /// Of the calls, those before `asked` open and read only what arguments name.
    pub(super) fn of(wasm: &[u8], calls: &[Call], asked: usize) -> Self {
        let returned_reads = returned_reads(calls, asked);
        let mut derived = Self { returned_reads, asked, ..Self::default() };
        let texts: BTreeSet<Cow<'_, str>> =
            calls.iter().flat_map(texts).filter(|text| text.len() >= MIN_TEXT).collect();
        // Most samples give no text that is worth the copies of the file.
        let files = LazyCell::new(|| DIFFERENCES.map(|difference| neighbours(wasm, difference)));
        let stands_encoded = |text: &[u8]| {
            let mut files = files.iter().zip(DIFFERENCES);
            files.any(|(file, difference)| holds(file, &neighbours(text, difference)))
        };
        for text in texts.into_iter().take(MAX_TEXTS) {
            if holds(wasm, text.as_bytes()) {
                continue;
            }
            derived.new_texts += 1;
            derived.new_addresses += u64::from(is_address(&text));
            let is_searched = wasm.len() <= SEARCHED_FILE && !is_even(text.as_bytes());
            if is_searched && stands_encoded(text.as_bytes()) {
                derived.decoded_texts.push(text.into_owned());
            }
        }
        derived
    }
}

/// The texts that a host call was given.
pub(super) fn texts(call: &Call) -> impl Iterator<Item = Cow<'_, str>> {
    call.args.iter().filter_map(|arg| arg.points_at.as_ref()?.kept_text())
}

/// Whether it looks like a URL, an address with a port, or a path.
fn is_address(text: &str) -> bool {
    let is_port =
        |port: &str| !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let has_port = text.rsplit_once(':').is_some_and(|(host, port)| is_port(port) && host.contains('.'));
    !text.contains(char::is_whitespace) && (text.contains('/') || text.contains('\\') || has_port)
}

fn neighbours(bytes: &[u8], difference: fn(u8, u8) -> u8) -> Vec<u8> {
    bytes.iter().zip(bytes.iter().skip(1)).map(|(a, b)| difference(*a, *b)).collect()
}

/// Whether its neighbours differ too little to be told from padding.
fn is_even(text: &[u8]) -> bool {
    text.iter().collect::<BTreeSet<_>>().len() < 4
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

/// Calls that read a file.
const READS: &[&str] = &["fd_read", "fd_pread", "_fread", "___syscall3", "___syscall145"];
/// Calls that send something away.
pub(super) const SENDS: &[&str] = &["sock_send", "send", "_send", "sendto", "_sendto", "http_post", "fetch"];

fn returned_reads(calls: &[Call], asked: usize) -> Vec<u32> {
    let mut reads: HashSet<[u8; MIN_COMMON]> = HashSet::new();
    let mut returned = Vec::new();
    for (position, call) in calls.iter().enumerate() {
        let name = known_as(call);
        if READS.contains(&name) && !is_console(call) && position >= asked {
            let heads = payloads(call).filter_map(|bytes| bytes.first_chunk().copied());
            reads.extend(heads.take(MAX_READS.saturating_sub(reads.len())));
        } else if SENDS.contains(&name)
            && call.errno.is_none()
            && payloads(call).any(|sent| is_returned(&sent, &reads))
        {
            returned.push(position as u32);
        }
    }
    returned
}

/// Whether the first argument is one of the standard streams.
pub(super) fn is_console(call: &Call) -> bool {
    standard_stream(call).is_some()
}

/// Whether it holds the beginning of something that was read. That is one look at each place, however much
/// was read.
fn is_returned(sent: &[u8], reads: &HashSet<[u8; MIN_COMMON]>) -> bool {
    !reads.is_empty() && sent.windows(MIN_COMMON).any(|part| reads.contains(part))
}

/// The bytes that the arguments of a call point at, as far as they were kept.
pub(super) fn payloads(call: &Call) -> impl Iterator<Item = Vec<u8>> {
    call.args.iter().filter_map(|arg| match &arg.points_at {
        Some(Pointed::Text { text }) => Some(text.as_bytes().to_vec()),
        Some(Pointed::Bytes { hex: digits, .. }) => Some(hex::leading(digits.as_bytes())),
        Some(Pointed::Resource { .. }) | None => None,
    })
}
