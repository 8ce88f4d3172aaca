//! Where the bytes of objects lie, and what they are as values.

use crate::module::objects::{HEADER, Storage};

/// The bytes of a value in one or two slots.
pub(super) fn to_bytes([low, high]: [u64; 2]) -> [u8; 16] {
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

/// A value read from bytes, as wide as they are.
pub(super) fn from_bytes(bytes: &[u8], storage: Storage, is_signed: bool) -> [u64; 2] {
    let mut all = [0; 16];
    all[..bytes.len().min(16)].copy_from_slice(&bytes[..bytes.len().min(16)]);
    let value = u128::from_le_bytes(all);
    let low = match (storage, is_signed) {
        (Storage::I8, true) => u64::from(i32::from(value as u8 as i8) as u32),
        (Storage::I16, true) => u64::from(i32::from(value as u16 as i16) as u32),
        _ => value as u64,
    };
    [low, (value >> 64) as u64]
}

/// What was written, as one: a new object is written in parts that are in a row.
pub(super) fn whole(writes: &[(u64, u64)]) -> Option<(u64, u64)> {
    let start = writes.iter().map(|(at, _)| *at).min()?;
    let end = writes.iter().map(|(at, len)| at + len).max()?;
    Some((start, end - start))
}

// The sample can take an object for another where functions differ in their types of objects only. So lengths
// lie, and addresses wrap as those of the code that runs.

/// The address of an element of an array, less what all are away from that of the array.
pub(super) fn address(array: u64, index: u64, storage: Storage) -> u64 {
    u64::from((array + index * u64::from(storage.size())) as u32)
}

/// Where the bytes of an array begin from an index on.
pub(super) fn start(array: u64, index: u64, storage: Storage) -> u64 {
    address(array + u64::from(HEADER), index, storage)
}

/// So many elements in bytes.
pub(super) fn bytes_of(count: u64, storage: Storage) -> u64 {
    address(0, count, storage)
}
