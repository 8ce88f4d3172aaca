//! Enums whose variants are words: one table makes the word in JSON, in texts, in rules and in the schema.
//!
//! A comparison with a word that does not exist does not compile, where one of two strings finds nothing.

/// Defines such an enum: `Variant = "word",` for each. It is written as the word in every format, so that a
/// variant may be added or moved; outside, it is not exhaustive.
macro_rules! vocabulary {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        $visibility enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// All of them, in their order.
            $visibility const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word.
            $visibility const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <String as ::serde::Deserialize>::deserialize(deserializer)?;
                let found = Self::ALL.iter().find(|known| known.as_str() == word);
                found.copied().ok_or_else(|| {
                    let shown = $crate::text::cut(&word, 40);
                    ::serde::de::Error::custom(format_args!("`{shown}` is no {}", stringify!($name)))
                })
            }
        }

        #[cfg(feature = "analysis")]
        $crate::text::inline_schema!($name, { "type": "string", "enum": [$($word),+] });
    };
}
pub(crate) use vocabulary;

/// Defines an enum whose variants have a name in files and on the command line. One table makes `name`,
/// `ALL`, what serde reads and writes, and what clap takes.
#[cfg(feature = "analysis")]
macro_rules! named {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
        $visibility enum $name {
            $(
                $(#[$variant_meta])*
                #[serde(rename = $word)]
                #[cfg_attr(feature = "cli", value(name = $word))]
                $variant,
            )+
        }

        impl $name {
            /// All of them, in their order.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// Its name in files and on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}
#[cfg(feature = "analysis")]
pub(crate) use named;

/// The schema of a type, which stands where the type is used.
#[cfg(feature = "analysis")]
macro_rules! inline_schema {
    ($name:ident, $schema:tt) => {
        impl ::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!($schema)
            }
        }
    };
}
#[cfg(feature = "analysis")]
pub(crate) use inline_schema;

/// Writes a type with words of its own (`Display`) as a text in JSON, and says so in the schema.
#[cfg(feature = "analysis")]
macro_rules! text_in_json {
    ($name:ident) => {
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        $crate::text::inline_schema!($name, { "type": "string" });
    };
}
#[cfg(feature = "analysis")]
pub(crate) use text_in_json;

#[cfg(test)]
mod tests {
    vocabulary! {
        /// Directions.
        enum Direction {
            /// There.
            Up = "upwards",
            /// Back.
            Down = "downwards",
        }
    }

    #[test]
    fn each_word_is_read_as_it_is_written_and_no_other_is() {
        for direction in Direction::ALL {
            let word = direction.to_string();
            let json = serde_json::to_string(direction).unwrap();
            assert_eq!(json, format!("{word:?}"));
            assert_eq!(serde_json::from_str::<Direction>(&json).unwrap(), *direction, "{word}");
        }
        let wrong = serde_json::from_str::<Direction>("\"sideways\"").unwrap_err().to_string();
        assert!(wrong.starts_with("`sideways` is no Direction"), "{wrong}");
        let schema = serde_json::to_string(&schemars::schema_for!(Direction)).unwrap();
        assert!(schema.contains(r#"["upwards","downwards"]"#), "{schema}");
    }
}
