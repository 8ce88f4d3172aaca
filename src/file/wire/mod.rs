//! Version 1 of the trace file, in types of its own. They are what the structured chunks hold, field by
//! field, as postcard writes it (`docs/trace-format.md`).
//!
//! A type of the program ([`Stored`]) is written as its type here, and read through it. So the program can
//! change, and files cannot. A field that is new there does not compile until it is said here what becomes of
//! it. A field that came after version 1 has a name and stands after the object (`later`). A file without it
//! is read as if it had been given its default.
//!
//! Here nothing may change: not the order of fields or variants, and not their types.
//!
//! Not here: the bytes around the contents (`frame`), what bounds decoding (`decode`).

pub(super) mod effects;
pub(super) mod later;
mod log;
mod options;
mod outcome;
mod streams;
mod values;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::decode::{self, Budget};
use crate::{
    module::{CodeOffset, FuncIndex},
    sandbox::{ChangeKind, LeakEncoding, LeakPlace},
    trace::FuncKey,
};

/// A type of the program that files hold.
pub(super) trait Stored: Sized {
    /// As what.
    type Wire: Serialize + DeserializeOwned;

    /// As it is written.
    fn into_wire(self) -> Self::Wire;

    /// As it was written; `None` if that cannot be.
    fn of_wire(wire: Self::Wire) -> Option<Self>;
}

/// A thing from the first bytes, and the bytes after it; `None` if there is none, or it is beyond the budget.
pub(super) fn read<'b, T: Stored>(bytes: &'b [u8], budget: &Budget) -> Option<(T, &'b [u8])> {
    let (wire, after) = decode::take_from_bytes(bytes, budget)?;
    Some((T::of_wire(wire)?, after))
}

/// Appends a thing to bytes.
pub(super) fn append<T: Stored>(thing: T, bytes: &mut Vec<u8>) -> postcard::Result<()> {
    postcard::to_io(&thing.into_wire(), bytes).map(|_| ())
}

/// The bytes of a thing.
pub(super) fn to_bytes<T: Stored>(thing: T) -> postcard::Result<Vec<u8>> {
    postcard::to_allocvec(&thing.into_wire())
}

/// Defines types of the file and how those of the program become them. After `;` stand fields of the program
/// that version 1 has not, with what they are when a file was read.
macro_rules! stored {
    () => {};
    (
        $(#[$meta:meta])*
        struct $name:ident for $domain:ty {
            $($field:ident: $type:ty),* $(,)?
            $(; $($absent:ident = $default:expr),* $(,)?)?
        }
        $($rest:tt)*
    ) => {
        $(#[$meta])*
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(in crate::file) struct $name { $($field: $type),* }

        impl super::Stored for $domain {
            type Wire = $name;

            fn into_wire(self) -> $name {
                $name { $($field: super::Stored::into_wire(self.$field)),* }
            }

            fn of_wire(wire: $name) -> Option<Self> {
                Some(Self {
                    $($field: super::Stored::of_wire(wire.$field)?,)*
                    $($($absent: $default,)*)?
                })
            }
        }

        super::stored! { $($rest)* }
    };
    (
        $(#[$meta:meta])*
        enum $name:ident for $domain:ty {
            $($variant:ident
                $(($($part:ident: $part_type:ty),*))?
                $({ $($field:ident: $type:ty),* })?
            ),* $(,)?
        }
        $($rest:tt)*
    ) => {
        $(#[$meta])*
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(in crate::file) enum $name { $($variant $(($($part_type),*))? $({ $($field: $type),* })?),* }

        impl super::Stored for $domain {
            type Wire = $name;

            fn into_wire(self) -> $name {
                match self {$(
                    Self::$variant $(($($part),*))? $({ $($field),* })? => $name::$variant
                        $(($(super::Stored::into_wire($part)),*))?
                        $({ $($field: super::Stored::into_wire($field)),* })?,
                )*}
            }

            fn of_wire(wire: $name) -> Option<Self> {
                Some(match wire {$(
                    $name::$variant $(($($part),*))? $({ $($field),* })? => Self::$variant
                        $(($(super::Stored::of_wire($part)?),*))?
                        $({ $($field: super::Stored::of_wire($field)?),* })?,
                )*})
            }
        }

        super::stored! { $($rest)* }
    };
}
use stored;

macro_rules! as_they_are {
    ($($ty:ty)*) => {$(
        impl Stored for $ty {
            type Wire = Self;

            fn into_wire(self) -> Self {
                self
            }

            fn of_wire(wire: Self) -> Option<Self> {
                Some(wire)
            }
        }
    )*};
}

as_they_are! { bool u8 u32 u64 u128 i32 i64 f32 f64 String [bool; 3] Box<[u8]> }

macro_rules! texts {
    ($($ty:ty)*) => {$(
        impl Stored for $ty {
            type Wire = String;

            fn into_wire(self) -> String {
                String::from(&*self)
            }

            fn of_wire(wire: String) -> Option<Self> {
                Some(wire.into())
            }
        }
    )*};
}

texts! { Box<str> Arc<str> Cow<'static, str> }

impl Stored for LeakPlace {
    type Wire = String;

    fn into_wire(self) -> String {
        self.to_string()
    }

    fn of_wire(wire: String) -> Option<Self> {
        Some(wire.into())
    }
}

macro_rules! indices {
    ($($ty:ident)*) => {$(
        impl Stored for $ty {
            type Wire = u32;

            fn into_wire(self) -> u32 {
                self.0
            }

            fn of_wire(wire: u32) -> Option<Self> {
                Some(Self(wire))
            }
        }
    )*};
}

indices! { CodeOffset FuncIndex FuncKey }

/// Those of `text::vocabulary`: the word.
macro_rules! words {
    ($($ty:ident)*) => {$(
        impl Stored for $ty {
            type Wire = String;

            fn into_wire(self) -> String {
                self.as_str().into()
            }

            fn of_wire(wire: String) -> Option<Self> {
                Self::ALL.iter().find(|known| known.as_str() == wire).copied()
            }
        }
    )*};
}

words! { ChangeKind LeakEncoding }

impl Stored for usize {
    type Wire = u64;

    fn into_wire(self) -> u64 {
        self as u64
    }

    fn of_wire(wire: u64) -> Option<Self> {
        wire.try_into().ok()
    }
}

/// A time.
#[derive(Serialize, Deserialize)]
pub(super) struct Duration {
    seconds: u64,
    nanoseconds: u32,
}

impl Stored for std::time::Duration {
    type Wire = Duration;

    fn into_wire(self) -> Duration {
        Duration { seconds: self.as_secs(), nanoseconds: self.subsec_nanos() }
    }

    fn of_wire(wire: Duration) -> Option<Self> {
        Self::from_secs(wire.seconds).checked_add(Self::from_nanos(wire.nanoseconds.into()))
    }
}

impl<T: Stored> Stored for Option<T> {
    type Wire = Option<T::Wire>;

    fn into_wire(self) -> Self::Wire {
        self.map(T::into_wire)
    }

    fn of_wire(wire: Self::Wire) -> Option<Self> {
        wire.map_or(Some(None), |wire| T::of_wire(wire).map(Some))
    }
}

impl<T: Stored> Stored for Vec<T> {
    type Wire = Vec<T::Wire>;

    fn into_wire(self) -> Self::Wire {
        self.into_iter().map(T::into_wire).collect()
    }

    fn of_wire(wire: Self::Wire) -> Option<Self> {
        wire.into_iter().map(T::of_wire).collect()
    }
}

impl<T: Stored> Stored for Box<T> {
    type Wire = Box<T::Wire>;

    fn into_wire(self) -> Self::Wire {
        Box::new((*self).into_wire())
    }

    fn of_wire(wire: Self::Wire) -> Option<Self> {
        T::of_wire(*wire).map(Self::new)
    }
}

impl<T: Stored + Clone> Stored for Arc<T> {
    type Wire = T::Wire;

    fn into_wire(self) -> Self::Wire {
        Self::unwrap_or_clone(self).into_wire()
    }

    fn of_wire(wire: Self::Wire) -> Option<Self> {
        T::of_wire(wire).map(Self::new)
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    type Wire = (A::Wire, B::Wire);

    fn into_wire(self) -> Self::Wire {
        (self.0.into_wire(), self.1.into_wire())
    }

    fn of_wire(wire: Self::Wire) -> Option<Self> {
        Some((A::of_wire(wire.0)?, B::of_wire(wire.1)?))
    }
}

impl<K: Stored<Wire: Ord> + Ord, V: Stored> Stored for BTreeMap<K, V> {
    type Wire = BTreeMap<K::Wire, V::Wire>;

    fn into_wire(self) -> Self::Wire {
        self.into_iter().map(|entry| entry.into_wire()).collect()
    }

    fn of_wire(wire: Self::Wire) -> Option<Self> {
        wire.into_iter().map(Stored::of_wire).collect()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod versions;
