//! Things that a sample hands to host functions that are more than a word: pages, scripts, commands and
//! programs. They come in some encoding, in pieces, or letter by letter.
//!
//! A text that stands in an argument as it is, rules see in the log of calls. Here are those that are behind
//! a layer, or come in several calls of one function. Numbers that are characters, and texts, are put one
//! after another for each argument, until something else comes.
//!
//! Bounded: so many bytes for a function, for all of them, and so many arguments that are followed. After
//! that only what stands openly is found, and the rest is counted if it may hold anything.

use std::collections::BTreeMap;

use super::{
    built,
    fs::Contents,
    layers,
    limits::{
        HANDED_BLANKS, HANDED_EACH, HANDED_GLANCED, HANDED_HEAD, HANDED_KEPT, HANDED_KEYS, HANDED_SCANNED,
        MAX_POINTED, RETURNED_SCAN,
    },
    returned::{LEAST, Returns, window},
    spelled::Spelled,
};
use crate::{
    module::FuncIndex,
    tracer::{Caller, Value},
};

/// An address below this is a number, as a rule.
const FIRST_ADDRESS: u32 = 64;
/// Bytes that a look costs at least; blanks cost as little of one.
pub(super) const LOOK: usize = 16;

/// An argument of a function.
type Key = (FuncIndex, usize);

/// What came in several calls.
#[derive(Debug, Default)]
pub(super) struct Handed {
    spelled: BTreeMap<Key, Spelled>,
    pieces: BTreeMap<Key, Vec<u8>>,
    /// Numbers and bytes that are kept in these.
    kept: usize,
    looked: BTreeMap<FuncIndex, usize>,
    all: usize,
    glanced: usize,
    /// Texts in some encoding that there was no room for, and whatever came when no room was left at all.
    pub(super) unlooked: u64,
}

impl Handed {
    /// Looks at the arguments of a call.
    pub(super) fn look(&mut self, call: &Caller<'_>, func: FuncIndex, returns: &mut Returns) {
        for (position, value) in call.args().iter().enumerate() {
            let key = (func, position);
            self.spell(key, value, returns);
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

    /// Looks at a string that is an argument.
    pub(super) fn text(&mut self, key: Key, text: &[u8], returns: &mut Returns) {
        self.look_into(text, key, Some(text.len()), returns);
    }

    /// What was handed over so far is all: an entry ended.
    pub(super) fn end(&mut self, returns: &mut Returns) {
        for ((func, _), spelled) in std::mem::take(&mut self.spelled) {
            self.take_spelled(func, spelled, returns);
        }
        for ((func, _), pieces) in std::mem::take(&mut self.pieces) {
            self.take(func, &pieces, returns);
        }
        self.kept = 0;
    }

    /// A number follows on those that came before it, or is the first of others.
    fn spell(&mut self, key: Key, value: &Value, returns: &mut Returns) {
        let has_room = self.spelled.len() < HANDED_KEYS && self.kept < HANDED_KEPT;
        match self.spelled.get_mut(&key) {
            Some(spelled) => {
                if spelled.bytes() < RETURNED_SCAN && self.kept < HANDED_KEPT && spelled.push(value) {
                    self.kept += 1;
                    return;
                }
                let spelled = std::mem::take(spelled);
                self.kept = self.kept.saturating_sub(spelled.len());
                self.take_spelled(key.0, spelled, returns);
                if self.spelled.get_mut(&key).is_some_and(|next| !next.push(value)) {
                    self.spelled.remove(&key);
                }
            }
            None if has_room => {
                let mut spelled = Spelled::default();
                if spelled.push(value) {
                    self.kept += 1;
                    self.spelled.insert(key, spelled);
                }
            }
            // It may be the first letter of something.
            None => self.unlooked += u64::from(Spelled::default().push(value)),
        }
    }

    fn take_spelled(&mut self, func: FuncIndex, spelled: Spelled, returns: &mut Returns) {
        if spelled.may_hold(LEAST) {
            for reading in spelled.readings() {
                self.take(func, &reading, returns);
            }
        }
    }

    fn take(&mut self, func: FuncIndex, bytes: &[u8], returns: &mut Returns) {
        if self.has_room(func) {
            let spent = returns.take(bytes);
            self.pay(func, spent);
        } else {
            self.glance(bytes, false, returns);
        }
    }

    /// Passes over what there is no room for: what stands openly in it is found, and what is in some encoding
    /// is counted.
    fn glance(&mut self, bytes: &[u8], has_len: bool, returns: &mut Returns) {
        if has_len && Contents::is_binary(bytes) {
            self.glanced += LOOK;
            self.unlooked += u64::from(!returns.take_program(bytes));
            return;
        }
        let text = text_of(bytes);
        let head = bytes.get(..HANDED_HEAD).unwrap_or(bytes);
        // Many numbers are no addresses of anything.
        let is_something = text.len() >= LEAST
            || matches!(bytes, [0x1f | 0x78 | b' '..=b'~', _, ..])
            || layers::is_wide(head);
        if !is_something || bytes.len() < LEAST {
            self.glanced += 1;
            return;
        }
        if self.glanced >= HANDED_GLANCED {
            self.unlooked += 1;
            return;
        }
        self.glanced += text.len().max(LOOK);
        if let Some(found) = built::first(text) {
            self.glanced += found.len();
            returns.take_whole(found);
        } else if layers::peel(head).any(|inner| is_worth_a_look(&inner)) || layers::has_runs(text) {
            self.unlooked += 1;
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
        let room = call.memory_len().saturating_sub(address).min(HANDED_BLANKS as u64);
        let room = len.map_or(room, |len| room.min(len as u64));
        if let Some(all) = call.read_memory(address, room) {
            self.look_into(all, key, len, returns);
        }
    }

    fn look_into(&mut self, all: &[u8], key: Key, len: Option<usize>, returns: &mut Returns) {
        if !self.has_room(key.0) {
            let begun = if self.glanced < HANDED_GLANCED { all.trim_ascii_start() } else { all };
            self.glanced += (all.len() - begun.len()) / LOOK;
            return self.glance(begun, len.is_some(), returns);
        }
        // Whoever wants nothing to be seen puts blanks in front.
        let begun = all.trim_ascii_start();
        self.pay(key.0, (all.len() - begun.len()) / LOOK);
        let bytes = window(begun, len.is_some());
        let text = text_of(bytes);
        // The log keeps what it begins with.
        if all.len() - begun.len() >= MAX_POINTED / 2 {
            returns.take_whole(text);
        } else if text.len() > MAX_POINTED {
            let whole = text_of(begun);
            self.pay(key.0, whole.len() / LOOK);
            if let Some(found) = built::first(&whole[MAX_POINTED..]) {
                returns.take_whole(found);
            }
        }
        let spent = returns.take_hidden(bytes, len.is_some()) + returns.take_far(begun);
        self.pay(key.0, spent.max(LOOK));
        // A piece may begin with blanks that stand within the whole.
        let piece = all.get(..RETURNED_SCAN).unwrap_or(all);
        let text = text_of(piece);
        if text.len() >= 2 && (len.is_none() || text.len() == piece.len()) {
            self.add(key, text, returns);
        }
    }

    /// A text follows on those that came before it.
    fn add(&mut self, key: Key, text: &[u8], returns: &mut Returns) {
        let is_full = self.kept + text.len() > HANDED_KEPT;
        if self.pieces.len() >= HANDED_KEYS && !self.pieces.contains_key(&key) || is_full {
            self.unlooked += 1;
            return;
        }
        self.kept += text.len();
        let pieces = self.pieces.entry(key).or_default();
        if pieces.len() + text.len() > RETURNED_SCAN {
            let whole = std::mem::replace(pieces, text.to_vec());
            self.kept = self.kept.saturating_sub(whole.len());
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

/// Whether what an encoding gave may be something: text of Latin letters, or something encoded again.
fn is_worth_a_look(inner: &[u8]) -> bool {
    let letters = inner.iter().take(HANDED_HEAD).filter(|byte| byte.is_ascii() && is_text(**byte)).count();
    10 * letters >= 9 * inner.len().min(HANDED_HEAD) || layers::peel(inner).next().is_some()
}

/// The text at the beginning of bytes.
pub(super) fn text_of(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().position(|byte| !is_text(*byte)).unwrap_or(bytes.len());
    &bytes[..len]
}

/// Whether a byte stands in texts.
pub(super) fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c)
}
