//! Index spaces and offsets: one type each, so that a wrong index does not compile.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "analysis", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a position in a slice.
            pub fn position(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

index! {
    /// Index of a function in the module's function space, imports first.
    FuncIndex
    /// Index of a type in the module's type space.
    TypeIndex
    /// Index of a table in the module's table space, imports first.
    TableIndex
    /// Index of a memory in the module's memory space, imports first.
    MemoryIndex
    /// Index of a global in the module's global space, imports first.
    GlobalIndex
    /// Index of a basic block in the [`Code`](super::Code) of its function.
    BlockIndex
    /// Index of an instruction in the [`Code`](super::Code) of its function.
    OpIndex
    /// Byte offset in the module file.
    CodeOffset
}
