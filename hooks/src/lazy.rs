//! A linear memory whose pages cost nothing until they are touched. It is there only as far as its limit
//! says.
//!
//! wasmi_core writes zeros to every byte of a memory that it makes or grows, so a module that declares four
//! gigabytes takes four. Here the system gives pages that are zero, and keeps none of them before they are
//! written. Growth that does not fit moves what is not zero.
//!
//! A memory may be larger than the limit ([`Bounds::memory`](crate::recorder::bounds::Bounds)). Its bytes up
//! to the limit are *near*: the loop knows their number, and who may touch them need not be asked. What lies
//! beyond is *far*. It is there up to [`Bounds::reserved`](crate::recorder::bounds::Bounds), and only so many
//! chunks of it may be written to. An access there fails in the loop's own check. Then a cold handler
//! (`edits/50-memory`), which asks [`Memory::far`], does it again. So near accesses cost what they did. What
//! is touched is bounded and known, and a look at all of a memory of gigabytes is one at what was touched.
//! Beyond what is reserved each access is out of bounds.
//!
//! Way not taken: to ask the system which pages are there. Not every system says so, and never in time.
//!
//! The same interface as `wasmi_core::Memory`, whose place it takes in the engine.

// Ours, and so linted again where the crate as a whole is not.
#![warn(warnings, missing_docs, unused, clippy::all)]
#![deny(clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

use std::alloc::{self, Layout};
use std::{ops::Range, ptr::NonNull, slice};

use wasmi_core::{Fuel, FuelError, MemoryError, MemoryType, ResourceLimiterRef, TrapCode};

use crate::recorder::{bounds::Bounds, limits::FAR_GROWTHS};

/// Bytes that are moved or left alone together: a page of most systems.
const CHUNK: usize = 4096;
/// Bytes of far memory that are touched or not together.
const FAR: usize = 1 << 16;

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
    /// Those of them that are near.
    near: usize,
    far: Far,
    /// Pages that it has now, there or not.
    pages: u64,
    ty: MemoryType,
    /// The system had less room than there is to be.
    is_short: bool,
}

/// What is known of the bytes of a memory that are not near.
#[derive(Debug, Default)]
struct Far {
    /// Bytes that are near at most; `None`: all.
    from: Option<usize>,
    /// Bytes that are there at most; `None`: those that are near.
    reserved: Option<usize>,
    /// Chunks that may still be touched.
    left: usize,
    /// How often it grew.
    grown: u32,
    /// Which were, a bit for each chunk from the beginning of the memory on.
    touched: Vec<u64>,
}

impl Far {
    fn new(bounds: &Bounds, ty: MemoryType) -> Self {
        let whole = |bytes: usize| bytes >> ty.page_size_log2() << ty.page_size_log2();
        let reserved = bounds.reserved.map(whole);
        Self { from: bounds.memory.map(whole), reserved, left: bounds.far, grown: 0, touched: Vec::new() }
    }

    /// Bytes that are there at most.
    fn most(&self) -> usize {
        self.reserved.or(self.from).unwrap_or(usize::MAX)
    }

    fn is_touched(&self, chunk: usize) -> bool {
        self.touched.get(chunk / 64).is_some_and(|word| word >> (chunk % 64) & 1 == 1)
    }

    /// Takes room for these chunks; whether there is any.
    fn touch(&mut self, chunks: Range<usize>) -> bool {
        let new = chunks.clone().filter(|&chunk| !self.is_touched(chunk));
        if new.take(self.left.saturating_add(1)).count() > self.left {
            return false;
        }
        if self.touched.len() * 64 < chunks.end {
            self.touched.resize(chunks.end.div_ceil(64), 0);
        }
        for chunk in chunks {
            self.left -= usize::from(!self.is_touched(chunk));
            self.touched[chunk / 64] |= 1 << (chunk % 64);
        }
        true
    }
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
    /// Makes a memory of its least size, of which so much is there as the bounds say.
    ///
    /// # Errors
    ///
    /// If the limiter refuses it, or there is no room.
    pub fn within(
        ty: MemoryType,
        bounds: &Bounds,
        limiter: &mut ResourceLimiterRef<'_>,
    ) -> Result<Self, MemoryError> {
        let bytes = |pages: u64| u128::from(pages) << ty.page_size_log2();
        if u128::from(ty.minimum()) > Self::most_pages(ty) {
            return Err(MemoryError::MinimumSizeOverflow);
        }
        let far = Far::new(bounds, ty);
        let most = far.most();
        let len = match usize::try_from(bytes(ty.minimum())) {
            Ok(len) => len.min(most),
            Err(_) if most < usize::MAX >> 16 => most,
            Err(_) => return Err(MemoryError::MinimumSizeOverflow),
        };
        if ty.maximum().is_some_and(|max| u128::from(max) > Self::most_pages(ty)) {
            return Err(MemoryError::MaximumSizeOverflow);
        }
        let near = len.min(far.from.unwrap_or(usize::MAX));
        if !allows(limiter, 0, near, Self::max_len(ty))? {
            return Err(MemoryError::ResourceLimiterDeniedAllocation);
        }
        let made = Zeroed::new(len).map(|bytes| (bytes, len));
        let is_short = made.is_none();
        // A system may have no gigabytes, touched or not.
        match made.or_else(|| Some((Zeroed::new(near)?, near))) {
            Some((bytes, len)) => Ok(Self { bytes, len, near, far, pages: ty.minimum(), ty, is_short }),
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
        let memory = Self::within(ty, &Bounds::default(), limiter)?;
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
        let near = len.min(self.far.from.filter(|_| self.far.reserved.is_some()).unwrap_or(usize::MAX));
        // The limiter is asked for `usize::MAX` if there can be no such growth: it refuses that and counts
        // it.
        let is_too_much = len > self.far.most() || (len > near && self.far.grown == FAR_GROWTHS);
        let asked = if is_too_much && self.far.reserved.is_some() { usize::MAX } else { near };
        let grows_near = near > self.near || asked > near;
        if grows_near && !allows(limiter, self.near, asked, Self::max_len(self.ty))? {
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
                self.near = near;
                // Here it may move nothing; where values are computed again, each does.
                self.far.grown += u32::from(len > near);
                Ok(size)
            }
            None => {
                self.is_short = true;
                Err(failed(limiter, MemoryError::OutOfSystemMemory))
            }
        }
    }

    /// Whether the system had less room than there is to be: elsewhere a run may go another way.
    pub fn is_short(&self) -> bool {
        self.is_short
    }

    /// Makes it so long; `None`, and nothing done, if there is no room.
    fn extend(&mut self, len: usize) -> Option<()> {
        if len > self.bytes.capacity {
            // More than is asked for, so that growth page by page moves little; unused pages take no room.
            let most = Self::max_len(self.ty).unwrap_or(usize::MAX).min(self.far.most()).max(len);
            let ample = self.len.saturating_mul(2).clamp(len, most);
            let bytes = Zeroed::new(ample).or_else(|| Zeroed::new(len))?;
            for touched in self.touched() {
                let pairs = self.data()[touched.clone()].chunks(CHUNK);
                // SAFETY: `bytes` is larger than this memory, and borrowed alone.
                let new = unsafe { slice::from_raw_parts_mut(bytes.bytes.as_ptr(), self.len) };
                let pairs = pairs.zip(new[touched].chunks_mut(CHUNK));
                for (old, new) in pairs.filter(|(old, _)| old.iter().any(|&byte| byte != 0)) {
                    new.copy_from_slice(old);
                }
            }
            self.bytes = bytes;
        }
        self.len = len;
        Some(())
    }

    /// The bytes that are near.
    #[inline]
    pub fn near(&self) -> &[u8] {
        // SAFETY: as in `data`; no more is near than there is.
        unsafe { slice::from_raw_parts(self.bytes.bytes.as_ptr(), self.near) }
    }

    /// The bytes that are near, to be changed.
    #[inline]
    pub fn near_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `near`, and `self` is borrowed alone.
        unsafe { slice::from_raw_parts_mut(self.bytes.bytes.as_ptr(), self.near) }
    }

    /// All bytes, for a load, or a store of so many bytes, at an address that found too few of them near.
    ///
    /// # Errors
    ///
    /// If there are no more, or no more of them may be touched.
    #[cold]
    #[inline(never)]
    pub fn far(&mut self, address: u64, written: usize) -> Result<&mut [u8], TrapCode> {
        let start = usize::try_from(address).unwrap_or(usize::MAX);
        let end = start.saturating_add(written);
        if start >= self.len || end > self.len || self.near == self.len {
            return Err(TrapCode::MemoryOutOfBounds);
        }
        if written > 0 && !self.touch(start..end) {
            return Err(TrapCode::GrowthOperationLimited);
        }
        Ok(self.data_mut())
    }

    /// Whether bytes, as far as they are there, may be written to: from now on they count as touched.
    pub fn touch(&mut self, range: Range<usize>) -> bool {
        let (start, end) = (range.start.max(self.near), range.end.min(self.len));
        start >= end || self.far.touch(start / FAR..end.div_ceil(FAR))
    }

    /// The parts that were touched, or may have been, ascending; all others hold zeros.
    pub fn touched(&self) -> Vec<Range<usize>> {
        let mut parts = Vec::from([Range { start: 0, end: self.near }]);
        let chunks = (0..self.far.touched.len() * 64).filter(|&chunk| self.far.is_touched(chunk));
        for chunk in chunks {
            let (start, end) = ((chunk * FAR).max(self.near), ((chunk + 1) * FAR).min(self.len));
            match parts.last_mut() {
                _ if start >= end => {}
                Some(last) if last.end == start => last.end = end,
                _ => parts.push(start..end),
            }
        }
        parts
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
    /// If they are out of bounds, or no more may be touched.
    pub fn write(&mut self, offset: usize, buffer: &[u8]) -> Result<(), MemoryError> {
        let end = offset.checked_add(buffer.len());
        if !self.touch(offset..end.unwrap_or(usize::MAX)) {
            return Err(MemoryError::OutOfBoundsAccess);
        }
        let bytes = end.and_then(|end| self.data_mut().get_mut(offset..end));
        bytes.ok_or(MemoryError::OutOfBoundsAccess)?.copy_from_slice(buffer);
        Ok(())
    }
}
