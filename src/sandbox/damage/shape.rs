//! Harm to a file in its place that leaves most of its bytes and makes it useless. Its blocks are in another
//! order, or it has no head or an end of filler. Or single bits are turned, or parts look random.
//!
//! Costs a few passes over both contents, and a sort of the pieces that both have.

use std::collections::HashMap;

use super::{
    super::limits::DAMAGE_ORDERED,
    pieces::{PIECE, Piece, pieces},
    words::noise,
};
use crate::{module::view::entropy, text::vocabulary};

vocabulary! {
    /// Harm to a file in its place that leaves most of its bytes.
    pub enum Harm {
        /// Its parts stand in another order.
        Scrambled = "scrambled",
        /// The head that says of which format it is was overwritten.
        Beheaded = "beheaded",
        /// A good part of it is filler.
        Padded = "padded",
        /// Parts of it look random.
        Sealed = "sealed",
        /// Single bits were turned all over it.
        Turned = "turned",
        /// Its figures are others.
        Falsified = "falsified",
    }
}

/// Pieces from which on an order can be told.
const PIECES: usize = 8;
/// Share of the pieces that must be there for their order to be what is wrong.
const THERE: f64 = 0.6;
/// Share of them that stand in their order in what was only edited, or of its rows in the reverse.
const ORDERED: f64 = 0.6;
/// Rows that a picture has at least.
const ROWS: usize = 8;
/// Places where the order breaks: one or two are a part that moved.
const BREAKS: usize = 3;
/// Bytes in which formats say what they are.
const HEAD: usize = 64;
/// Share of the head that differs if it is gone, and of the rest that is as it was.
const HEAD_GONE: f64 = 0.7;
const REST_KEPT: f64 = 0.95;
/// Filler is so many equal bytes in a row, and this share of the file.
const FILLER: usize = 64;
const FILLER_SHARE: f64 = 0.1;
/// Different bytes from which on a part held something.
const VARIED: usize = 8;
/// Bytes of a block.
const BLOCK: usize = 512;
/// Share of the blocks in which a bit was turned.
const TURNED: f64 = 0.75;
/// Bytes of a part that is measured; entropy above which it looks random, and below which it did not.
const PART: usize = 256;
const DENSE: f64 = 6.9;
const SPARSE: f64 = 6.3;
/// Share of such parts.
const DENSE_SHARE: f64 = 0.04;

/// What was done to a file that is still there.
pub(super) fn harm(before: &[u8], after: &[u8]) -> Option<Harm> {
    let (before, after) = (head(before), head(after));
    if is_scrambled(before, after) {
        return Some(Harm::Scrambled);
    }
    if is_beheaded(before, after) {
        return Some(Harm::Beheaded);
    }
    if is_padded(before, after) {
        return Some(Harm::Padded);
    }
    if is_encrypted(before, after) {
        return Some(Harm::Sealed);
    }
    is_turned(before, after).then_some(Harm::Turned)
}

/// As much of contents as is looked at.
fn head(bytes: &[u8]) -> &[u8] {
    bytes.get(..DAMAGE_ORDERED).unwrap_or(bytes)
}

/// Whether its pieces are there and their order is lost. A sorter keeps lines.
fn is_scrambled(before: &[u8], after: &[u8]) -> bool {
    let places = unique(before);
    let unique = places.len();
    let order = order(places, after);
    if unique < PIECES || (order.len() as f64) < THERE * unique as f64 {
        return false;
    }
    let breaks = order.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
    let is_kept = rising(&order) as f64 >= ORDERED * order.len() as f64;
    let is_mixed = breaks >= BREAKS && !is_kept && !is_upside_down(&order);
    let are_texts = noise(before) == 0 && noise(after) == 0;
    is_mixed && (!are_texts || 2 * lines_lost(before, after) >= breaks.max(4))
}

/// Whether rows stand in the reverse of their order, as in a picture that was turned.
fn is_upside_down(order: &[usize]) -> bool {
    let begins = |pair: &&[usize]| pair[1] != pair[0] + 1;
    let mut starts: Vec<usize> = order.windows(2).filter(begins).map(|pair| pair[1]).collect();
    starts.reverse();
    starts.len() >= ROWS && rising(&starts) as f64 >= ORDERED * starts.len() as f64
}

/// The pieces that a file has once, by their place.
fn unique(bytes: &[u8]) -> HashMap<Piece, usize> {
    let mut all: HashMap<Piece, Option<usize>> = HashMap::new();
    for (position, piece) in pieces(bytes).enumerate() {
        all.entry(piece).and_modify(|place| *place = None).or_insert(Some(position));
    }
    all.into_iter().filter_map(|(piece, place)| Some((piece, place?))).collect()
}

/// The places of these pieces in the order in which another file has them.
fn order(mut left: HashMap<Piece, usize>, after: &[u8]) -> Vec<usize> {
    after.windows(PIECE).filter_map(|piece| left.remove(&Piece::try_from(piece).ok()?)).collect()
}

/// The length of the longest rising part of a sequence, what stands between left out.
fn rising(sequence: &[usize]) -> usize {
    let mut ends: Vec<usize> = Vec::new();
    for &value in sequence {
        let at = ends.partition_point(|end| *end < value);
        match ends.get_mut(at) {
            Some(end) => *end = value,
            None => ends.push(value),
        }
    }
    ends.len()
}

/// How many lines of a text another lacks.
fn lines_lost(before: &[u8], after: &[u8]) -> usize {
    let lines = |bytes| <[u8]>::split(bytes, |byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut has: HashMap<&[u8], usize> = HashMap::new();
    lines(after).for_each(|line| *has.entry(line).or_default() += 1);
    let mut lost = 0;
    for line in lines(before) {
        match has.get_mut(line) {
            Some(left @ 1..) => *left -= 1,
            _ => lost += usize::from(!line.is_empty()),
        }
    }
    lost
}

/// Whether what says of which format it is was overwritten, and the rest stays.
fn is_beheaded(before: &[u8], after: &[u8]) -> bool {
    if before.len() != after.len() || before.len() < 4 * HEAD || noise(before) == 0 {
        return false;
    }
    let same = |from: usize, to: usize| {
        let pairs = before.iter().zip(after).take(to).skip(from);
        pairs.filter(|(before, after)| before == after).count() as f64
    };
    // Zeros of a head that stay zeros were not spared.
    let varied = before.iter().take(HEAD).filter(|byte| **byte != 0).count() as f64;
    let zeros = before.iter().zip(after).take(HEAD).filter(|pair| *pair == (&0, &0)).count() as f64;
    let kept = (same(0, HEAD) - zeros) / varied.max(1.0);
    let rest = same(HEAD, before.len()) / (before.len() - HEAD) as f64;
    varied >= 4.0 && kept <= 1.0 - HEAD_GONE && rest >= REST_KEPT
}

/// Whether a good part of it is filler now, in a file that is no shorter for it.
fn is_padded(before: &[u8], after: &[u8]) -> bool {
    if (after.len() as f64) < 0.9 * before.len() as f64 {
        return false;
    }
    let least = FILLER.max((FILLER_SHARE * before.len() as f64) as usize);
    let mut start = 0;
    for chunk in after.chunk_by(|one, next| one == next) {
        let part = before.get(start..(start + chunk.len()).min(before.len())).unwrap_or_default();
        start += chunk.len();
        if chunk.len() >= least && part.len() >= least && varied(part) >= VARIED && !is_elsewhere(part, after)
        {
            return true;
        }
    }
    false
}

/// How many different bytes there are.
fn varied(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count()
}

/// Whether a part of a file only moved.
fn is_elsewhere(part: &[u8], after: &[u8]) -> bool {
    let middle = &part[part.len() / 2..];
    let piece = middle.get(..PIECE).unwrap_or(middle);
    memchr::memmem::find(after, piece).is_some()
}

/// Whether parts of what is no text look random now that did not.
fn is_encrypted(before: &[u8], after: &[u8]) -> bool {
    if before.len() != after.len() || noise(before) == 0 {
        return false;
    }
    let parts = before.chunks_exact(PART).zip(after.chunks_exact(PART));
    let is_dense = |(before, after): &(&[u8], &[u8])| {
        before != after && entropy(after) >= DENSE && entropy(before) < SPARSE
    };
    let dense = parts.filter(is_dense).count();
    dense >= 2 && dense as f64 * PART as f64 >= DENSE_SHARE * before.len() as f64
}

/// Whether single bits were turned, all over the file.
fn is_turned(before: &[u8], after: &[u8]) -> bool {
    if before.len() != after.len() {
        return false;
    }
    let pairs = before.iter().zip(after).enumerate();
    let others = pairs.filter(|(_, (a, b))| a != b).map(|(at, (a, b))| (at, *a, *b));
    let most = before.len() / 16;
    let places: Vec<(usize, u8, u8)> = others.take(most + 1).collect();
    let is_bit = |&(_, a, b): &(usize, u8, u8)| (a ^ b).is_power_of_two();
    // Of a text, other cases are no harm, and figures are looked at by themselves.
    let is_text = noise(before) == 0;
    let is_edit =
        |&(_, a, b): &(usize, u8, u8)| a.eq_ignore_ascii_case(&b) || a.is_ascii_digit() && b.is_ascii_digit();
    if places.len() < 2 || places.len() > most || !places.iter().all(is_bit) {
        return false;
    }
    if is_text && places.iter().filter(|place| is_edit(place)).count() > places.len() / 2 {
        return false;
    }
    let mut blocks: Vec<usize> = places.iter().map(|(at, ..)| at / BLOCK).collect();
    blocks.dedup();
    let all = before.len().div_ceil(BLOCK);
    let is_even = places.len() >= 3
        && places.windows(3).all(|three| three[1].0 - three[0].0 == three[2].0 - three[1].0);
    is_even || all >= 2 && blocks.len() as f64 >= TURNED * all as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Vec<u8> {
        let line =
            |row: u32| format!("row {row} of {} on {}: {} pieces\n", row * 7 % 31, row * 13 % 59, row * 37);
        (0..60).flat_map(|row| line(row).into_bytes()).collect()
    }

    fn picture() -> Vec<u8> {
        let pixel = |at: u32| [(at % 48 * 5) as u8, (at / 48 * 5) as u8, (at % 97) as u8];
        b"BM\x36\x1b\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x30\0\0\0\x30\0\0\0\x01\0\x18\0"
            .iter()
            .copied()
            .chain((0..2304).flat_map(pixel))
            .collect()
    }

    fn blocks(bytes: &[u8], len: usize, step: usize) -> Vec<u8> {
        let all: Vec<_> = bytes.chunks_exact(len).collect();
        let count = all.len();
        (0..count)
            .flat_map(|at| all[(at * step + 1) % count].to_vec())
            .chain(bytes[count * len..].to_vec())
            .collect()
    }

    #[test]
    fn what_lost_its_order_is_scrambled() {
        for (bytes, len, step) in
            [(text(), 64, 5), (text(), 128, 5), (picture(), 512, 5), (picture(), 64, 31)]
        {
            assert_eq!(harm(&bytes, &blocks(&bytes, len, step)), Some(Harm::Scrambled), "{len}");
        }
        let lines =
            |text: &[u8]| text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let mut sorted = lines(&text());
        sorted.sort();
        assert_eq!(harm(&text(), &sorted.concat()), None);
        sorted.reverse();
        assert_eq!(harm(&text(), &sorted.concat()), None);
        let upside_down: Vec<u8> = picture().chunks(144).rev().flatten().copied().collect();
        assert_eq!(harm(&picture(), &upside_down), None, "a picture that was turned");
        let moved = [&text()[900..], &text()[..900]].concat();
        assert_eq!(harm(&text(), &moved), None);
    }

    #[test]
    fn a_head_that_is_gone_and_an_end_of_filler_are_harm() {
        let (mut zeros, mut noise) = (picture(), picture());
        zeros[..64].fill(0);
        noise[..54].iter_mut().zip(1u8..).for_each(|(byte, at)| *byte ^= at.wrapping_mul(73) | 1);
        assert_eq!(harm(&picture(), &zeros), Some(Harm::Beheaded));
        assert_eq!(harm(&picture(), &noise), Some(Harm::Beheaded));
        let mut resized = picture();
        resized[18] = 24;
        assert_eq!(harm(&picture(), &resized), None);
        for (bytes, filler) in [(text(), b' '), (picture(), 0)] {
            let mut cut = bytes.clone();
            let end = cut.len() * 3 / 4;
            cut[end..].fill(filler);
            assert_eq!(harm(&bytes, &cut), Some(Harm::Padded));
            let apart = [&bytes[..700], &[filler; 400], &bytes[700..]].concat();
            assert_eq!(harm(&bytes, &apart), None, "room was made");
        }
    }

    #[test]
    fn bits_that_were_turned_are_harm() {
        for (bytes, step, bit, expected) in [
            (text(), 64, 2, Some(Harm::Turned)),
            (picture(), 512, 16, Some(Harm::Turned)),
            (text(), 5, 32, None),
        ] {
            let mut turned = bytes.clone();
            turned.iter_mut().skip(7).step_by(step).for_each(|byte| *byte ^= bit);
            assert_eq!(harm(&bytes, &turned), expected, "{step}");
        }
        let upper = text().to_ascii_uppercase();
        assert_eq!(harm(&text(), &upper), None);
    }

    #[test]
    fn parts_that_look_random_are_harm() {
        let mut sealed = picture();
        let mut state = 0x2545_f491u32;
        for byte in &mut sealed[512..1536] {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *byte ^= state as u8;
        }
        assert_eq!(harm(&picture(), &sealed), Some(Harm::Sealed));
        let dimmed: Vec<u8> =
            picture().iter().enumerate().map(|(at, byte)| if at < 54 { *byte } else { byte / 2 }).collect();
        assert_eq!(harm(&picture(), &dimmed), None);
    }
}
