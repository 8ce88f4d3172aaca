//! What the view did not look at.

use std::fmt;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::webcil;

/// Part of the file that a cap or its format kept the view from. What is listed in part and was looked at in
/// whole is none.
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

impl Serialize for Unread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Unread {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Unread".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}
