//! What a sample hands to host functions that is more than a word: pages, scripts, commands and programs in
//! some encoding, in pieces, or letter by letter.
//!
//! A text that stands in an argument as it is, rules see in the log of calls. Here are those that are behind
//! a layer, or come in several calls of one function: numbers that are characters, and texts, are put one
//! after another for each argument, until something else comes.
//!
//! Bounded: so many bytes for a function, for all of them, and so many arguments that are followed.

use std::collections::BTreeMap;

use super::{
    layers,
    limits::{HANDED_BLANKS, HANDED_EACH, HANDED_KEYS, HANDED_SCANNED, RETURNED_SCAN},
    returned::{LEAST, Returns},
};
use crate::{
    module::FuncIndex,
    tracer::{Caller, Value},
};

/// Numbers below this may be characters that are handed over one by one.
const LAST_CODE: u32 = 0x2100;
/// An address below this is a number, as a rule.
const FIRST_ADDRESS: u32 = 64;
/// Bytes that a look costs at least; blanks cost as little of one.
const LOOK: usize = 16;

/// An argument of a function.
type Key = (FuncIndex, usize);

/// What came in several calls.
#[derive(Debug, Default)]
pub(super) struct Handed {
    spelled: BTreeMap<Key, String>,
    pieces: BTreeMap<Key, Vec<u8>>,
    looked: BTreeMap<FuncIndex, usize>,
    all: usize,
}

impl Handed {
    /// Looks at the arguments of a call.
    pub(super) fn look(&mut self, call: &Caller<'_>, func: FuncIndex, returns: &mut Returns) {
        for (position, value) in call.args().iter().enumerate() {
            let key = (func, position);
            match code(value) {
                Some(code) => self.spell(key, code, returns),
                None => self.spelt(key, returns),
            }
            if let Value::I32(address) = *value {
                let len = match call.args().get(position + 1) {
                    Some(&Value::I32(len)) if len > 0 => Some(len as u32 as usize),
                    _ => None,
                };
                // A number below is an address only beside a length.
                if (address as u32) < FIRST_ADDRESS && len.is_none_or(|len| len < LEAST) {
                    continue;
                }
                self.look_at(call, key, (address as u32).into(), len, returns);
            }
        }
    }

    /// What was handed over so far is all: an entry ended.
    pub(super) fn end(&mut self, returns: &mut Returns) {
        for ((func, _), text) in std::mem::take(&mut self.spelled) {
            self.take(func, text.as_bytes(), returns);
        }
        for ((func, _), pieces) in std::mem::take(&mut self.pieces) {
            self.take(func, &pieces, returns);
        }
    }

    fn spell(&mut self, key: Key, code: char, returns: &mut Returns) {
        if self.spelled.len() >= HANDED_KEYS && !self.spelled.contains_key(&key) {
            return;
        }
        let text = self.spelled.entry(key).or_default();
        text.push(code);
        if text.len() >= RETURNED_SCAN {
            self.spelt(key, returns);
        }
    }

    fn spelt(&mut self, key: Key, returns: &mut Returns) {
        let Some(text) = self.spelled.get_mut(&key).filter(|text| !text.is_empty()) else { return };
        let text = std::mem::take(text);
        if text.len() >= LEAST {
            self.take(key.0, text.as_bytes(), returns);
        }
    }

    fn take(&mut self, func: FuncIndex, bytes: &[u8], returns: &mut Returns) {
        if self.has_room(func) {
            let spent = returns.take(bytes);
            self.pay(func, spent);
        }
    }

    fn look_at(
        &mut self,
        call: &Caller<'_>,
        key: Key,
        address: u64,
        len: Option<usize>,
        returns: &mut Returns,
    ) {
        if !self.has_room(key.0) {
            return;
        }
        let room = call.memory_len().saturating_sub(address).min(HANDED_BLANKS as u64);
        let room = len.map_or(room, |len| room.min(len as u64));
        let Some(all) = call.read_memory(address, room) else { return };
        // Whoever wants nothing to be seen puts blanks in front.
        let begun = all.trim_ascii_start();
        self.pay(key.0, (all.len() - begun.len()) / LOOK);
        let bytes = begun.get(..RETURNED_SCAN).unwrap_or(begun);
        let text = text_of(bytes);
        let spent = returns.take_hidden(bytes, len.is_some());
        self.pay(key.0, spent.max(LOOK));
        if text.len() >= 2 && (len.is_none() || text.len() == bytes.len()) {
            self.add(key, text, returns);
        }
    }

    /// A text follows on those that came before it.
    fn add(&mut self, key: Key, text: &[u8], returns: &mut Returns) {
        if self.pieces.len() >= HANDED_KEYS && !self.pieces.contains_key(&key) {
            return;
        }
        let pieces = self.pieces.entry(key).or_default();
        if pieces.len() + text.len() > RETURNED_SCAN {
            let whole = std::mem::replace(pieces, text.to_vec());
            self.take(key.0, &whole, returns);
        } else {
            pieces.extend_from_slice(text);
        }
    }

    /// Whether there is room for another look at what a function is handed.
    fn has_room(&self, func: FuncIndex) -> bool {
        self.all < HANDED_SCANNED && self.looked.get(&func).is_none_or(|looked| *looked < HANDED_EACH)
    }

    /// So many bytes of it were looked at.
    fn pay(&mut self, func: FuncIndex, len: usize) {
        *self.looked.entry(func).or_default() += len;
        self.all += len;
    }
}

/// The character that a number is.
fn code(value: &Value) -> Option<char> {
    let number = match *value {
        Value::I32(value) => u32::try_from(value).ok()?,
        Value::I64(value) => u32::try_from(value).ok()?,
        Value::F64(value) if value.fract() == 0.0 && (0.0..1_114_112.0).contains(&value) => value as u32,
        _ => return None,
    };
    // Greater ones are addresses more often than characters.
    char::from_u32(number).filter(|_| layers::is_code(number) && number < LAST_CODE)
}

/// The text at the beginning of bytes.
pub(super) fn text_of(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| *byte >= b' ' && *byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    let len = bytes.iter().position(|byte| !is_text(byte)).unwrap_or(bytes.len());
    &bytes[..len]
}
