//! Where an instruction stands, and how an index of a function is told in JSON.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeStruct};

use super::{CodeOffset, FuncIndex};

/// An instruction: its function and where it stands in the file.
///
/// JSON has the function under `function` and, as older readers expect it of some places, under `func`.
/// Trace files store the two numbers one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The function.
    pub function: FuncIndex,
    /// Byte offset in the module.
    pub offset: CodeOffset,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm-function[{}]:{:#x}", self.function, self.offset.0)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { function, offset } = *self;
        let mut keys = serializer.serialize_struct("Place", 3)?;
        keys.serialize_field("function", &function)?;
        keys.serialize_field("func", &function)?;
        keys.serialize_field("offset", &offset)?;
        keys.end()
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Keys { function, func, offset } = Keys::deserialize(deserializer)?;
        let function = function.or(func).ok_or_else(|| de::Error::missing_field("function"))?;
        Ok(Self { function, offset })
    }
}

/// Either key of JSON: before there was one name for it, some places said `func` and some `function`.
#[derive(Deserialize)]
struct Keys {
    function: Option<FuncIndex>,
    func: Option<FuncIndex>,
    offset: CodeOffset,
}

/// As JSON has it.
#[cfg(feature = "analysis")]
#[derive(schemars::JsonSchema)]
#[schemars(rename = "Place")]
#[expect(dead_code, reason = "only its schema is used")]
struct Written {
    /// The function.
    function: FuncIndex,
    /// The same, as older readers know it.
    func: FuncIndex,
    /// Byte offset in the module.
    offset: CodeOffset,
}

#[cfg(feature = "analysis")]
impl schemars::JsonSchema for Place {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        <Written as schemars::JsonSchema>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <Written as schemars::JsonSchema>::json_schema(generator)
    }
}

/// A function, or none, under both of its keys in JSON, `function` and `func`: for a field with
/// `#[serde(flatten, serialize_with = "both_keys")] #[schemars(with = "BothKeys<…>")]`.
#[cfg(feature = "analysis")]
pub(crate) fn both_keys<T: Serialize, S: Serializer>(function: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut keys = serializer.serialize_struct("Function", 2)?;
    keys.serialize_field("function", function)?;
    keys.serialize_field("func", function)?;
    keys.end()
}

/// The schema of [`both_keys`].
#[cfg(feature = "analysis")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct BothKeys<T> {
    /// The function.
    function: T,
    /// The same, as older readers know it.
    func: T,
}

#[cfg(all(test, feature = "analysis"))]
mod tests {
    use super::*;

    const PLACE: Place = Place { function: FuncIndex(7), offset: CodeOffset(300) };

    #[test]
    fn json_has_both_keys_and_is_read_with_either() {
        let json = serde_json::to_string(&PLACE).unwrap();
        assert_eq!(json, r#"{"function":7,"func":7,"offset":300}"#);
        for text in [&*json, r#"{"func":7,"offset":300}"#, r#"{"function":7,"offset":300}"#] {
            assert_eq!(serde_json::from_str::<Place>(text).unwrap(), PLACE, "{text}");
        }
        assert!(serde_json::from_str::<Place>(r#"{"offset":300}"#).is_err());
        assert_eq!(PLACE.to_string(), "wasm-function[7]:0x12c");
    }

    #[test]
    fn a_field_has_both_keys_too() {
        #[derive(Serialize)]
        struct Held {
            #[serde(flatten, serialize_with = "both_keys")]
            func: Option<FuncIndex>,
            count: u64,
        }
        let held = Held { func: Some(FuncIndex(7)), count: 2 };
        assert_eq!(serde_json::to_string(&held).unwrap(), r#"{"function":7,"func":7,"count":2}"#);
        let none = Held { func: None, count: 2 };
        assert_eq!(serde_json::to_string(&none).unwrap(), r#"{"function":null,"func":null,"count":2}"#);
    }
}
