//! Strings of JavaScript that the host keeps for a sample: rows of 16-bit units, each with a number.
//!
//! A string never changes. A short one is there once. A long one that was put together from two is kept as
//! these two until it is read. Nothing is given back while the sample runs, so what it may keep is bounded,
//! in strings and in units.

use std::{collections::HashMap, sync::Arc};

use super::limits::{TEXT_READ, TEXT_SHARED, TEXT_UNITS, TEXTS, TEXTS_UNITS};

/// A string.
#[derive(Debug)]
struct Text {
    len: usize,
    /// What it was put together from.
    parts: Option<(u32, u32)>,
    /// Its units, if it is known what they are.
    units: Option<Arc<[u16]>>,
}

/// The strings of a run.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: Vec<Text>,
    /// Short ones.
    shared: HashMap<Arc<[u16]>, u32>,
    /// Units that are kept for good, and for what can be put together again.
    units: usize,
    read: usize,
    /// Strings that were not made for want of room.
    pub(super) cut: u64,
}

impl Texts {
    /// The number of a string; `None` if there is no room.
    pub(super) fn of_units(&mut self, units: &[u16]) -> Option<u32> {
        if let Some(known) = self.shared.get(units) {
            return Some(*known);
        }
        self.check(units.len(), units.len())?;
        self.units += units.len();
        let units: Arc<[u16]> = units.into();
        let number = self.all.len() as u32;
        if units.len() <= TEXT_SHARED {
            self.shared.insert(Arc::clone(&units), number);
        }
        self.all.push(Text { len: units.len(), parts: None, units: Some(units) });
        Some(number)
    }

    pub(super) fn of_text(&mut self, text: &str) -> Option<u32> {
        self.of_units(&text.encode_utf16().collect::<Vec<_>>())
    }

    /// One string behind another.
    pub(super) fn concat(&mut self, first: u32, second: u32) -> Option<u32> {
        match (self.len(first)?, self.len(second)?) {
            (0, _) => return Some(second),
            (_, 0) => return Some(first),
            (a, b) if a + b <= TEXT_SHARED => {
                let both = [self.units(first)?, self.units(second)?].concat();
                return self.of_units(&both);
            }
            (a, b) => self.check(a + b, 0)?,
        }
        let len = self.len(first)? + self.len(second)?;
        self.all.push(Text { len, parts: Some((first, second)), units: None });
        Some(self.all.len() as u32 - 1)
    }

    /// How many units it has; `None` if there is no such string.
    pub(super) fn len(&self, number: u32) -> Option<usize> {
        Some(self.all.get(number as usize)?.len)
    }

    /// Its units.
    pub(super) fn units(&mut self, number: u32) -> Option<Arc<[u16]>> {
        let text = self.all.get(number as usize)?;
        if let Some(units) = &text.units {
            return Some(Arc::clone(units));
        }
        let (mut all, mut open) = (Vec::with_capacity(text.len), vec![number]);
        // Parts have smaller numbers, so this ends.
        while let Some(text) = open.pop().and_then(|number| self.all.get(number as usize)) {
            match (&text.units, text.parts) {
                (Some(units), _) => all.extend_from_slice(units),
                (None, Some((first, second))) => open.extend([second, first]),
                (None, None) => {}
            }
        }
        let units: Arc<[u16]> = all.into();
        self.keep(number, &units);
        Some(units)
    }

    /// Keeps what was put together, with others as far as there is room.
    fn keep(&mut self, number: u32, units: &Arc<[u16]>) {
        if self.read + units.len() > TEXT_READ {
            self.all.iter_mut().filter(|text| text.parts.is_some()).for_each(|text| text.units = None);
            self.read = 0;
        }
        if let Some(text) = self.all.get_mut(number as usize) {
            self.read += units.len();
            text.units = Some(Arc::clone(units));
        }
    }

    /// A string as text: units that are no characters are replaced. At most so many units are read.
    pub(super) fn text(&mut self, number: u32, most: usize) -> Option<String> {
        let units = self.units(number)?;
        Some(String::from_utf16_lossy(&units[..units.len().min(most)]))
    }

    /// Whether there is room for one more string of this length, of which so many units are kept.
    fn check(&mut self, len: usize, kept: usize) -> Option<()> {
        let fits = len <= TEXT_UNITS && self.units + kept <= TEXTS_UNITS && self.all.len() < TEXTS;
        self.cut += u64::from(!fits);
        fits.then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_put_together_when_they_are_read() {
        let mut texts = Texts::default();
        let (a, empty) = (texts.of_text("a😀").unwrap(), texts.of_text("").unwrap());
        assert_eq!(texts.of_text("a😀"), Some(a), "a short one is there once");
        assert_eq!(texts.len(a), Some(3));
        assert_eq!((texts.concat(a, empty), texts.concat(empty, a)), (Some(a), Some(a)));
        let (mut long, mut expected) = (a, "a😀".to_owned());
        for _ in 0..100 {
            long = texts.concat(long, a).unwrap();
            expected += "a😀";
        }
        assert_eq!(texts.text(long, usize::MAX), Some(expected));
        assert_eq!(texts.text(long, 1).as_deref(), Some("a"));
        assert_eq!((texts.len(9999), texts.units(9999)), (None, None));
    }

    #[test]
    fn a_string_that_doubles_ends_and_is_counted() {
        let mut texts = Texts::default();
        let mut text = texts.of_units(&[7; TEXT_SHARED]).unwrap();
        while let Some(longer) = texts.concat(text, text) {
            text = longer;
        }
        assert!(texts.len(text).unwrap() > TEXT_UNITS / 2);
        assert_eq!(texts.units(text).unwrap().len(), texts.len(text).unwrap());
        assert_eq!(texts.cut, 1);
    }

    #[test]
    fn strings_end_by_number() {
        let mut texts = Texts::default();
        let made = (0..u32::MAX).take_while(|n| texts.of_units(&[*n as u16, (*n >> 16) as u16]).is_some());
        assert_eq!(made.count(), TEXTS);
        assert_eq!(texts.cut, 1);
    }
}
