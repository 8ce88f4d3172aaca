//! What the view did not look at.

use std::fmt;

use super::webcil;
use crate::text::text_in_json;

/// Part of the file that a cap or its format kept the view from. A list that is kept in part, but was looked
/// at in whole, is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unread {
    /// Sections beyond the caps.
    Sections {
        /// How many.
        count: u64,
    },
    /// A .NET assembly in the data.
    Webcil {
        /// Byte offset in the file.
        offset: u64,
    },
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sections { count } => {
                write!(f, "{count} sections, most of them custom, were not looked at: the file has too many")
            }
            Self::Webcil { offset } => {
                let kind = webcil::KIND;
                write!(
                    f,
                    "the data at byte {offset:#x} is a {kind}: nobody looked inside, and .NET runs it, not \
                     this module"
                )
            }
        }
    }
}

text_in_json!(Unread);
