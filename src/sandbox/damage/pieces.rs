//! Pieces of files, looked for in others.

use std::collections::HashSet;

/// Bytes that are looked for at a time. Aligned pieces of a file are found at any place of another.
pub(super) const PIECE: usize = 16;

/// A piece.
pub(super) type Piece = [u8; PIECE];

/// Which pieces of some files lie in others.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Found {
    wanted: HashSet<Piece>,
    found: HashSet<Piece>,
}

impl Found {
    /// Looks for the pieces of these.
    pub(in crate::sandbox) fn wanting<'a>(files: impl Iterator<Item = &'a [u8]>) -> Self {
        Self { wanted: files.flat_map(pieces).collect(), found: HashSet::new() }
    }

    /// Whether there is nothing to look for.
    pub(in crate::sandbox) fn is_idle(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Looks through as many bytes as there is room for.
    pub(in crate::sandbox) fn search(&mut self, bytes: &[u8], room: &mut usize) {
        let bytes = bytes.get(..(*room).min(bytes.len())).unwrap_or_default();
        *room -= bytes.len();
        for piece in bytes.windows(PIECE) {
            if let Ok(piece) = Piece::try_from(piece)
                && self.wanted.contains(&piece)
            {
                self.found.insert(piece);
            }
        }
    }

    /// The share of a file that was found; `None` of one that has no piece.
    pub(in crate::sandbox) fn share(&self, bytes: &[u8]) -> Option<f64> {
        let (mut all, mut found) = (0u64, 0u64);
        for piece in pieces(bytes) {
            all += 1;
            found += u64::from(self.found.contains(&piece));
        }
        (all > 0).then(|| found as f64 / all as f64)
    }
}

/// The aligned pieces of a file; those of one byte alone say nothing of where they are from.
pub(super) fn pieces(bytes: &[u8]) -> impl Iterator<Item = Piece> + '_ {
    let whole = bytes.chunks_exact(PIECE).filter_map(|piece| Piece::try_from(piece).ok());
    whole.filter(|piece| piece.iter().any(|byte| byte != &piece[0]))
}
