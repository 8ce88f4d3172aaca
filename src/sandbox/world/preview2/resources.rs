//! What the numbers stand for that a module of WASI 0.2 is given.

use crate::sandbox::world::limits::{REQUESTS, RESOURCES};

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
    /// A request over HTTP that the sample makes, by its number among those.
    Request(u32),
    /// The body of one.
    RequestBody(u32),
    /// A request that came to the sample.
    Incoming,
    /// Its headers.
    Headers,
    /// Its body.
    IncomingBody,
    /// Nothing is known of it.
    Thing,
}

/// A request over HTTP that the sample makes, as far as it is known.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) method: String,
    pub(super) scheme: String,
    pub(super) authority: String,
    pub(super) path: String,
    /// The descriptor of the connection by which it goes.
    pub(super) connection: Option<u32>,
    /// Its head was sent.
    pub(super) is_sent: bool,
}

impl Outgoing {
    /// What is sent before the body: the first line, as a proxy gets it.
    pub(super) fn head(&self) -> String {
        let Self { method, scheme, authority, path, .. } = self;
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{method} {scheme}://{authority}{slash}{path} HTTP/1.1\r\nhost: {authority}\r\n\r\n")
    }
}

/// Numbers of the standard streams, input first: they are the same however often they are asked for.
pub(crate) const STREAMS: [u32; 3] = [3, 1, 2];

/// Resources by number, from 1 on.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Resources {
    by_number: Vec<Option<Resource>>,
    /// The requests that the sample makes.
    pub(super) requests: Vec<Outgoing>,
    /// The descriptor of the client of a program that serves.
    pub(super) client: Option<u32>,
}

impl Default for Resources {
    fn default() -> Self {
        let by_number = [1, 2, 0].map(|fd| Some(Resource::Stream(fd))).to_vec();
        Self { by_number, requests: Vec::new(), client: None }
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
        if let Some(slot) = self.by_number.get_mut(RESOURCES - 1) {
            *slot = Some(resource);
        } else {
            self.by_number.push(Some(resource));
        }
        self.by_number.len() as u32
    }

    /// The number of a new request among those that are made; `None` after so many.
    pub(super) fn add_request(&mut self) -> Option<u32> {
        let number = self.requests.len();
        (number < REQUESTS).then(|| {
            self.requests.push(Outgoing {
                method: "GET".into(),
                scheme: "https".into(),
                authority: String::new(),
                path: "/".into(),
                connection: None,
                is_sent: false,
            });
            number as u32
        })
    }

    /// The request that a number stands for.
    pub(super) fn request_mut(&mut self, number: u32) -> Option<&mut Outgoing> {
        match self.get(number)? {
            Resource::Request(request) => self.requests.get_mut(request as usize),
            _ => None,
        }
    }

    /// What a number stands for.
    pub(super) fn get(&self, number: u32) -> Option<Resource> {
        *self.by_number.get((number as usize).checked_sub(1)?)?
    }

    /// Makes a number stand for something else.
    pub(super) fn set(&mut self, number: u32, resource: Resource) {
        if let Some(slot) = (number as usize).checked_sub(1).and_then(|index| self.by_number.get_mut(index)) {
            *slot = Some(resource);
        }
    }

    /// The descriptor that a stream or file is on.
    pub(in crate::sandbox) fn fd(&self, number: u32) -> Option<u32> {
        match self.get(number)? {
            Resource::Stream(fd) | Resource::Descriptor(fd) => Some(fd),
            _ => None,
        }
    }

    /// The descriptor that it is about: of a listing that of its folder.
    pub(in crate::sandbox) fn about(&self, number: u32) -> Option<u32> {
        match self.get(number)? {
            Resource::Listing { dir, .. } => Some(dir),
            _ => self.fd(number),
        }
    }

    /// Forgets a number; returns the descriptor to close, if it had one of its own.
    pub(super) fn remove(&mut self, number: u32) -> Option<u32> {
        if STREAMS.contains(&number) {
            return None;
        }
        let slot = self.by_number.get_mut((number as usize).checked_sub(1)?)?;
        match slot.take()? {
            Resource::Stream(fd) | Resource::Descriptor(fd) if fd > 2 => Some(fd),
            _ => None,
        }
    }
}
