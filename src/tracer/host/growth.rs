//! What memories and tables may grow to.

use wasmspoor_hooks as engine;

use crate::tracer::limits::Limits;

/// What all memories have together, and all tables.
pub(in crate::tracer) struct Growth {
    memory_bytes: Room,
    table_elements: Room,
    /// Growth that was refused.
    pub(in crate::tracer) refusals: u64,
    /// Writes of host functions to memory of which no more may be touched.
    pub(in crate::tracer) unwritten: u64,
}

struct Room {
    used: u64,
    limit: u64,
}

impl Room {
    /// Adds growth from `current` to `desired` if the sum stays within the limit.
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        let after = self.used.saturating_add(desired.saturating_sub(current) as u64);
        let fits = after <= self.limit && maximum.is_none_or(|maximum| desired <= maximum);
        if fits {
            self.used = after;
        }
        fits
    }
}

impl Growth {
    pub(super) fn new(limits: &Limits) -> Self {
        let memory_bytes = Room { used: 0, limit: limits.memory_pages.saturating_mul(1 << 16) };
        let table_elements = Room { used: 0, limit: limits.table_elements };
        Self { memory_bytes, table_elements, refusals: 0, unwritten: 0 }
    }

    fn noted(&mut self, fits: bool) -> bool {
        self.refusals += u64::from(!fits);
        fits
    }
}

type Answer = Result<bool, engine::recorder::LimiterError>;

impl engine::ResourceLimiter for Growth {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Answer {
        let fits = self.memory_bytes.grow(current, desired, maximum);
        Ok(self.noted(fits))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Answer {
        let fits = self.table_elements.grow(current, desired, maximum);
        Ok(self.noted(fits))
    }

    fn instances(&self) -> usize {
        16
    }

    fn tables(&self) -> usize {
        10_000
    }

    fn memories(&self) -> usize {
        10_000
    }
}
