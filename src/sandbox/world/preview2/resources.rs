//! What the numbers stand for that a module of WASI 0.2 is given.

use crate::sandbox::world::limits::RESOURCES;

/// Something that has a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    /// A stream on a descriptor of preview1; the three streams of the program are its first.
    Stream(u32),
    /// A file, directory or socket: a descriptor of preview1.
    Descriptor(u32),
    /// Something to wait for: ready from this time on, in nanoseconds since the start.
    Wait(u64),
    /// The names of a directory that come after a position.
    Listing {
        /// The directory's descriptor.
        dir: u32,
        /// The position.
        after: u64,
        /// The last position when the listing began: what comes later is not in it.
        until: u64,
    },
    /// The addresses of a name: one, or none any more.
    Lookup(Option<[u8; 4]>),
    /// Nothing is known of it.
    Thing,
}

/// Numbers of the standard streams, input first: they are the same however often they are asked for.
pub(crate) const STREAMS: [u32; 3] = [3, 1, 2];

/// Resources by number, from 1 on.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Resources(Vec<Option<Resource>>);

impl Default for Resources {
    fn default() -> Self {
        Self([1, 2, 0].map(|fd| Some(Resource::Stream(fd))).to_vec())
    }
}

impl Resources {
    /// Gives a resource a number. There are so many at most; beyond that all have the last.
    pub(super) fn add(&mut self, resource: Resource) -> u32 {
        if let Resource::Stream(fd) = resource
            && let Some(&number) = STREAMS.get(fd as usize)
        {
            return number;
        }
        if let Some(slot) = self.0.get_mut(RESOURCES - 1) {
            *slot = Some(resource);
        } else {
            self.0.push(Some(resource));
        }
        self.0.len() as u32
    }

    /// What a number stands for.
    pub(super) fn get(&self, number: u32) -> Option<Resource> {
        *self.0.get((number as usize).checked_sub(1)?)?
    }

    /// Makes a number stand for something else.
    pub(super) fn set(&mut self, number: u32, resource: Resource) {
        if let Some(slot) = (number as usize).checked_sub(1).and_then(|index| self.0.get_mut(index)) {
            *slot = Some(resource);
        }
    }

    /// The descriptor that a stream or file is on.
    pub(super) fn fd(&self, number: u32) -> Option<u32> {
        match self.get(number)? {
            Resource::Stream(fd) | Resource::Descriptor(fd) => Some(fd),
            _ => None,
        }
    }

    /// Forgets a number; returns the descriptor to close, if it had one of its own.
    pub(super) fn remove(&mut self, number: u32) -> Option<u32> {
        if STREAMS.contains(&number) {
            return None;
        }
        let slot = self.0.get_mut((number as usize).checked_sub(1)?)?;
        match slot.take()? {
            Resource::Stream(fd) | Resource::Descriptor(fd) if fd > 2 => Some(fd),
            _ => None,
        }
    }
}
