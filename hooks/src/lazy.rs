//! A linear memory whose pages cost nothing until they are touched. It is there only as far as its limit
//! says.
//!
//! wasmi_core writes zeros to every byte of a memory that it makes or grows, so a module that declares four
//! gigabytes takes four. Here the system gives pages that are zero, and keeps none of them before they are
//! written. Growth that does not fit moves what is not zero.
//!
//! A memory may begin with more than the limit ([`Bounds::memory`](crate::recorder::bounds::Bounds)): it has
//! the size that it declares, and its bytes up to the limit are there. Beyond, each access is out of bounds.
//! Toolchains place data, stack and heap from below, so of what they declare little lies there.
//!
//! The same interface as `wasmi_core::Memory`, whose place it takes in the engine.

// Ours, and so linted again where the crate as a whole is not.
#![warn(warnings, missing_docs, unused, clippy::all)]
#![deny(clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

use std::alloc::{self, Layout};
use std::{ptr::NonNull, slice};

use wasmi_core::{Fuel, FuelError, MemoryError, MemoryType, ResourceLimiterRef};

/// Bytes that are moved or left alone together: a page of most systems.
const CHUNK: usize = 4096;

/// Bytes that are zero until they are written.
#[derive(Debug)]
struct Zeroed {
    bytes: NonNull<u8>,
    capacity: usize,
}

// SAFETY: the bytes are owned, and are reached through references to the owner only.
unsafe impl Send for Zeroed {}
// SAFETY: as above; a shared reference only reads.
unsafe impl Sync for Zeroed {}

impl Zeroed {
    /// `None` if the system has no such room.
    fn new(capacity: usize) -> Option<Self> {
        if capacity == 0 {
            return Some(Self { bytes: NonNull::dangling(), capacity });
        }
        let layout = Layout::array::<u8>(capacity).ok()?;
        // SAFETY: the layout is not of size zero.
        let bytes = unsafe { alloc::alloc_zeroed(layout) };
        Some(Self { bytes: NonNull::new(bytes)?, capacity })
    }
}

impl Drop for Zeroed {
    fn drop(&mut self) {
        if self.capacity > 0
            && let Ok(layout) = Layout::array::<u8>(self.capacity)
        {
            // SAFETY: allocated by `new` with this layout, and owned.
            unsafe { alloc::dealloc(self.bytes.as_ptr(), layout) }
        }
    }
}

/// A Wasm linear memory.
#[derive(Debug)]
pub struct Memory {
    bytes: Zeroed,
    /// Bytes that are there now; those behind in the buffer are zero.
    len: usize,
    /// Pages that it has now, there or not.
    pages: u64,
    ty: MemoryType,
}

/// Asks the limiter about a growth.
fn allows(
    limiter: &mut ResourceLimiterRef<'_>,
    from: usize,
    to: usize,
    max: Option<usize>,
) -> Result<bool, MemoryError> {
    match limiter.as_resource_limiter() {
        Some(limiter) => Ok(limiter.memory_growing(from, to, max)?),
        None => Ok(true),
    }
}

/// Tells the limiter that a growth which it allowed failed.
fn failed(limiter: &mut ResourceLimiterRef<'_>, error: MemoryError) -> MemoryError {
    match limiter.as_resource_limiter().map(|limiter| limiter.memory_grow_failed(&error)) {
        Some(Err(error)) => error.into(),
        _ => error,
    }
}

impl Memory {
    /// Makes a memory of its least size, of which at most so many bytes are there.
    ///
    /// # Errors
    ///
    /// If the limiter refuses it, or there is no room.
    pub fn within(
        ty: MemoryType,
        most: Option<usize>,
        limiter: &mut ResourceLimiterRef<'_>,
    ) -> Result<Self, MemoryError> {
        let bytes = |pages: u64| u128::from(pages) << ty.page_size_log2();
        if u128::from(ty.minimum()) > Self::most_pages(ty) {
            return Err(MemoryError::MinimumSizeOverflow);
        }
        let most = most.unwrap_or(usize::MAX) >> ty.page_size_log2() << ty.page_size_log2();
        let len = match usize::try_from(bytes(ty.minimum())) {
            Ok(len) => len.min(most),
            Err(_) if most < usize::MAX >> 16 => most,
            Err(_) => return Err(MemoryError::MinimumSizeOverflow),
        };
        if ty.maximum().is_some_and(|max| u128::from(max) > Self::most_pages(ty)) {
            return Err(MemoryError::MaximumSizeOverflow);
        }
        if !allows(limiter, 0, len, Self::max_len(ty))? {
            return Err(MemoryError::ResourceLimiterDeniedAllocation);
        }
        match Zeroed::new(len) {
            Some(bytes) => Ok(Self { bytes, len, pages: ty.minimum(), ty }),
            None => Err(failed(limiter, MemoryError::OutOfSystemMemory)),
        }
    }

    /// Makes a memory of a buffer's size at most, in place of the buffer.
    ///
    /// # Errors
    ///
    /// As [`Self::within`], or if the buffer is too small.
    pub fn new_static(
        ty: MemoryType,
        limiter: &mut ResourceLimiterRef<'_>,
        buffer: &'static mut [u8],
    ) -> Result<Self, MemoryError> {
        let memory = Self::within(ty, None, limiter)?;
        if memory.len > buffer.len() {
            return Err(MemoryError::InvalidStaticBufferSize);
        }
        Ok(memory)
    }

    /// Pages that its index type reaches.
    fn most_pages(ty: MemoryType) -> u128 {
        let bits = if ty.is_64() { 64 } else { 32 };
        (1 << bits) >> ty.page_size_log2()
    }

    /// Bytes that it may have.
    fn max_len(ty: MemoryType) -> Option<usize> {
        let max = u128::from(ty.maximum()?) << ty.page_size_log2();
        Some(usize::try_from(max).unwrap_or(usize::MAX))
    }

    /// Its type as it was declared.
    pub fn ty(&self) -> MemoryType {
        self.ty
    }

    /// Its type with the size that it has now as the least.
    pub fn dynamic_ty(&self) -> MemoryType {
        let mut builder = MemoryType::builder();
        builder.min(self.size()).max(self.ty.maximum());
        builder.page_size_log2(self.ty.page_size_log2()).memory64(self.ty.is_64());
        builder.build().unwrap_or(self.ty)
    }

    /// Its size in pages.
    pub fn size(&self) -> u64 {
        self.pages
    }

    /// Grows by so many pages; gives the size before.
    ///
    /// # Errors
    ///
    /// If that is beyond its maximum, the limiter refuses it, or there is no room or fuel.
    pub fn grow(
        &mut self,
        additional: u64,
        fuel: Option<&mut Fuel>,
        limiter: &mut ResourceLimiterRef<'_>,
    ) -> Result<u64, MemoryError> {
        let size = self.size();
        if additional == 0 {
            return Ok(size);
        }
        let beyond = MemoryError::OutOfBoundsGrowth;
        let desired = size.checked_add(additional).ok_or(beyond)?;
        let is_beyond = u128::from(desired) > Self::most_pages(self.ty);
        if is_beyond || self.ty.maximum().is_some_and(|max| desired > max) {
            return Err(beyond);
        }
        let len = u128::from(desired) << self.ty.page_size_log2();
        let len = usize::try_from(len).map_err(|_| beyond)?;
        if (self.len as u64) >> self.ty.page_size_log2() < size {
            // Not all of it is there: that is the limit.
            return Err(beyond);
        }
        if !allows(limiter, self.len, len, Self::max_len(self.ty))? {
            return Err(beyond);
        }
        if let Some(fuel) = fuel {
            let bytes = (len - self.len) as u64;
            let spent = fuel.consume_fuel_if(|costs| costs.fuel_for_copying_values::<u8>(bytes));
            if let Err(FuelError::OutOfFuel { required_fuel }) = spent {
                return Err(failed(limiter, MemoryError::OutOfFuel { required_fuel }));
            }
        }
        match self.extend(len) {
            Some(()) => {
                self.pages = desired;
                Ok(size)
            }
            None => Err(failed(limiter, MemoryError::OutOfSystemMemory)),
        }
    }

    /// Makes it so long; `None`, and nothing done, if there is no room.
    fn extend(&mut self, len: usize) -> Option<()> {
        if len > self.bytes.capacity {
            // More than is asked for, so that growth page by page moves little; unused pages take no room.
            let most = Self::max_len(self.ty).unwrap_or(usize::MAX).max(len);
            let ample = self.len.saturating_mul(2).clamp(len, most);
            let bytes = Zeroed::new(ample).or_else(|| Zeroed::new(len))?;
            let (from, to) = (self.len, len);
            let mut grown = Self { bytes, len: to, pages: self.pages, ty: self.ty };
            let pairs = self.data()[..from].chunks(CHUNK).zip(grown.data_mut()[..from].chunks_mut(CHUNK));
            for (old, new) in pairs.filter(|(old, _)| old.iter().any(|&byte| byte != 0)) {
                new.copy_from_slice(old);
            }
            *self = grown;
        }
        self.len = len;
        Some(())
    }

    /// All bytes.
    pub fn data(&self) -> &[u8] {
        // SAFETY: `len` is at most the capacity, and all of it is initialised: zero or written since.
        unsafe { slice::from_raw_parts(self.bytes.bytes.as_ptr(), self.len) }
    }

    /// All bytes, to be changed.
    pub fn data_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `data`, and `self` is borrowed alone.
        unsafe { slice::from_raw_parts_mut(self.bytes.bytes.as_ptr(), self.len) }
    }

    /// Where the bytes are.
    pub fn data_ptr(&self) -> *mut u8 {
        self.bytes.bytes.as_ptr()
    }

    /// Their number.
    pub fn data_size(&self) -> usize {
        self.len
    }

    /// Reads bytes.
    ///
    /// # Errors
    ///
    /// If they are out of bounds.
    pub fn read(&self, offset: usize, buffer: &mut [u8]) -> Result<(), MemoryError> {
        let end = offset.checked_add(buffer.len());
        let bytes = end.and_then(|end| self.data().get(offset..end));
        buffer.copy_from_slice(bytes.ok_or(MemoryError::OutOfBoundsAccess)?);
        Ok(())
    }

    /// Writes bytes.
    ///
    /// # Errors
    ///
    /// If they are out of bounds.
    pub fn write(&mut self, offset: usize, buffer: &[u8]) -> Result<(), MemoryError> {
        let end = offset.checked_add(buffer.len());
        let bytes = end.and_then(|end| self.data_mut().get_mut(offset..end));
        bytes.ok_or(MemoryError::OutOfBoundsAccess)?.copy_from_slice(buffer);
        Ok(())
    }
}
