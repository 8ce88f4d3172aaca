//! Guest memory as WASI uses it: a pointer that is not there is the error `fault`.

use super::super::limits::PATH_BYTES;
use super::Errno;
pub(super) use super::limits::TRANSFER;
use crate::sandbox::{context::CallContext, log::IOVS};

impl CallContext<'_, '_> {
    pub(super) fn store(&mut self, address: u32, bytes: &[u8]) -> Result<(), Errno> {
        self.write(address, bytes).ok_or(Errno::FAULT)
    }

    pub(super) fn store_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.store(address, &value.to_le_bytes())
    }

    pub(super) fn store_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.store(address, &value.to_le_bytes())
    }

    /// A path: text in UTF-8.
    pub(super) fn path(&self, address: u32, len: u32) -> Result<String, Errno> {
        if len > PATH_BYTES {
            return Err(Errno::NAMETOOLONG);
        }
        let bytes = self.read(address, u64::from(len)).ok_or(Errno::FAULT)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| Errno::ILSEQ)
    }

    /// Whether there is memory that can be written: before anything happens that cannot be undone.
    pub(super) fn check(&self, address: u32, len: u64) -> Result<(), Errno> {
        self.read(address, len).map(|_| ()).ok_or(Errno::FAULT)
    }

    /// Vectors that are written to, all of which must be there.
    pub(super) fn targets(&self, address: u32, count: u32) -> Result<Vec<(u32, u32)>, Errno> {
        let vectors = self.vectors(address, count)?;
        vectors.iter().try_for_each(|&(start, len)| self.check(start, len.into()))?;
        Ok(vectors)
    }

    /// Pairs of pointer and length, the first [`IOVS`] of them and [`TRANSFER`] bytes in all. The others must
    /// be there too.
    pub(in crate::sandbox) fn vectors(&self, address: u32, count: u32) -> Result<Vec<(u32, u32)>, Errno> {
        self.check(address, 8 * u64::from(count))?;
        let bytes = self.read(address, 8 * u64::from(count).min(IOVS)).ok_or(Errno::FAULT)?;
        let (mut vectors, mut room) = (Vec::new(), TRANSFER);
        for pair in bytes.chunks_exact(8) {
            let word = |at: usize| {
                pair.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
            };
            let len = u64::from(word(4)).min(room) as u32;
            room -= u64::from(len);
            vectors.push((word(0), len));
        }
        Ok(vectors)
    }

    /// The bytes of all vectors in a row.
    pub(in crate::sandbox) fn gather(&self, address: u32, count: u32) -> Result<Vec<u8>, Errno> {
        let mut bytes = Vec::new();
        for (start, len) in self.vectors(address, count)? {
            bytes.extend_from_slice(self.read(start, u64::from(len)).ok_or(Errno::FAULT)?);
        }
        Ok(bytes)
    }

    /// Writes `bytes` to the vectors, one after the other, as far as they reach.
    pub(in crate::sandbox) fn scatter(
        &mut self,
        vectors: &[(u32, u32)],
        mut bytes: &[u8],
    ) -> Result<(), Errno> {
        self.state.log.transferred = Some(bytes.len() as u64);
        let mut given = 0;
        for &(start, len) in vectors {
            let (head, tail) = bytes.split_at(bytes.len().min(len as usize));
            self.give_handed(start, head, given).ok_or(Errno::FAULT)?;
            given += head.len() as u64;
            bytes = tail;
        }
        Ok(())
    }
}

/// Bytes that vectors have room for.
pub(super) fn room(vectors: &[(u32, u32)]) -> u64 {
    vectors.iter().map(|&(_, len)| u64::from(len)).sum()
}
