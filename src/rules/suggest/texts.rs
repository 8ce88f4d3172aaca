//! Texts of a module's data.

use std::{collections::BTreeSet, fmt::Write as _};

use super::Candidate;
use crate::{
    module::view::{Text, TextEncoding, View},
    rules::limits::{LEAST_TEXT, LONGEST_TEXT, SUGGESTIONS},
};

pub(super) fn candidates(wasm: &[u8], view: &View) -> Vec<Candidate> {
    let is_data = |text: &&Text| {
        let in_segment =
            |offset: u64, size: u64| (offset..offset.saturating_add(size)).contains(&text.offset);
        text.encoding == TextEncoding::Plain
            && view.data.iter().any(|segment| in_segment(segment.offset, segment.size))
    };
    let mut all = Vec::new();
    for text in view.strings.iter().filter(is_data) {
        all.extend(candidate(view.image(wasm), text));
        if all.len() >= 2 * SUGGESTIONS {
            all = super::best(all);
        }
    }
    super::best(all)
}

/// A text as it stands in the file. Mostly digits are what another build counts anew.
fn candidate(wasm: &[u8], text: &Text) -> Option<Candidate> {
    let start = usize::try_from(text.offset).ok()?;
    let whole = wasm.get(start..)?.get(..text.text.len())?;
    if whole != text.text.as_bytes() {
        return None;
    }
    let bytes = whole.get(..whole.len().min(LONGEST_TEXT))?;
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let distinct = bytes.iter().collect::<BTreeSet<_>>().len();
    if bytes.len() < LEAST_TEXT || 2 * digits > bytes.len() || distinct < LEAST_TEXT / 2 {
        return None;
    }
    Some(Candidate {
        string: yara_string(bytes),
        comment: format!("data at {start:#x}"),
        fixed: bytes.len(),
        score: bytes.len() + distinct,
        function: None,
    })
}

/// A text as YARA writes it.
fn yara_string(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => _ = write!(text, "\\x{byte:02x}"),
        }
    }
    text.push('"');
    text
}
