//! Bytes of a memory at a moment, in pages that several moments share.
//!
//! A page of zeros takes no room, and one that is as it was at the moment before is the same allocation. So
//! little is kept of a memory that is large and little used, or little changed.

use std::{collections::HashSet, sync::Arc};

/// Bytes of a page: a change of one byte costs as much.
pub(super) const PAGE: usize = 1 << 13;

/// The bytes of a memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    /// `None` is a page of zeros.
    pages: Vec<Option<Arc<[u8]>>>,
}

impl Pages {
    /// The bytes of now, shared where they are as `before`, and the memory that this takes besides.
    pub(super) fn of(bytes: &[u8], before: Option<&Self>) -> (Self, u64) {
        let mut taken = (bytes.len() / PAGE * size_of::<Option<Arc<[u8]>>>()) as u64;
        let page = |(position, page): (usize, &[u8])| {
            let old = before.and_then(|before| before.pages.get(position)?.as_ref());
            match old {
                Some(old) if **old == *page => Some(Arc::clone(old)),
                _ if is_zero(page) => None,
                _ => {
                    taken += page.len() as u64;
                    Some(Arc::from(page))
                }
            }
        };
        let pages = bytes.chunks(PAGE).enumerate().map(page).collect();
        (Self { pages }, taken)
    }

    /// Bytes that it takes of pages that are not in `seen` yet.
    pub(super) fn bytes(&self, seen: &mut HashSet<*const u8>) -> u64 {
        let new = self.pages.iter().flatten().filter(|page| seen.insert(page.as_ptr()));
        let pages: usize = new.map(|page| page.len()).sum();
        (pages + size_of_val(&self.pages[..])) as u64
    }

    /// Puts the bytes into a memory that is as long or longer; what is beyond is zero.
    pub(super) fn restore(&self, bytes: &mut [u8]) {
        for (position, target) in bytes.chunks_mut(PAGE).enumerate() {
            let kept = self.pages.get(position).and_then(Option::as_deref).unwrap_or_default();
            let (same, beyond) = target.split_at_mut(kept.len().min(target.len()));
            if same != &kept[..same.len()] {
                same.copy_from_slice(&kept[..same.len()]);
            }
            if !is_zero(beyond) {
                beyond.fill(0);
            }
        }
    }
}

/// Whether a page holds nothing.
fn is_zero(page: &[u8]) -> bool {
    // Eight words at a time: of a page that holds something mostly the first few are read.
    page.chunks(64).all(|part| part.iter().fold(0, |any, byte| any | byte) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_what_is_equal_is_shared() {
        let mut bytes = vec![0; 3 * PAGE + 5];
        (bytes[7], bytes[3 * PAGE + 4]) = (1, 2);
        let (first, taken) = Pages::of(&bytes, None);
        let index = 3 * size_of::<Option<Arc<[u8]>>>() as u64;
        assert_eq!(taken, index + PAGE as u64 + 5);
        let before = bytes.clone();
        bytes[2 * PAGE] = 3;
        let (second, taken) = Pages::of(&bytes, Some(&first));
        assert_eq!(taken, index + PAGE as u64, "one page changed");
        for (pages, expected) in [(&first, &before), (&second, &bytes)] {
            let mut restored = vec![0; expected.len()];
            pages.restore(&mut restored);
            assert_eq!(&restored, expected);
        }
        let mut grown = vec![9; 5 * PAGE];
        first.restore(&mut grown);
        assert_eq!(grown[..before.len()], before);
        assert!(grown[before.len()..].iter().all(|&byte| byte == 0));
    }
}
