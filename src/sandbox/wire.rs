//! Two types that JSON tags inside, which a format without names cannot: there they are written as other
//! enums are.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::types::{EntryEnd, Pointed};
use crate::{trace::Trap, tracer::Limit};

macro_rules! two_forms {
    ($forms:ident, $ty:ident, $name:literal, $tag:literal, { $($variants:tt)* }) => {
        mod $forms {
            use super::*;

            #[derive(Serialize, Deserialize)]
            #[serde(remote = $name, tag = $tag, rename_all = "snake_case")]
            pub(super) enum Tagged { $($variants)* }

            #[derive(Serialize, Deserialize)]
            #[serde(remote = $name, rename_all = "snake_case")]
            pub(super) enum Plain { $($variants)* }
        }

        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match serializer.is_human_readable() {
                    true => $forms::Tagged::serialize(self, serializer),
                    false => $forms::Plain::serialize(self, serializer),
                }
            }
        }

        impl<'de> Deserialize<'de> for $ty {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match deserializer.is_human_readable() {
                    true => $forms::Tagged::deserialize(deserializer),
                    false => $forms::Plain::deserialize(deserializer),
                }
            }
        }
    };
}

two_forms!(end, EntryEnd, "EntryEnd", "status", {
    Returned,
    Exited { code: i32 },
    Trapped { trap: Trap },
    Stopped { limit: Limit },
    Aborted { message: String },
    Failed { message: String },
});

two_forms!(pointed, Pointed, "Pointed", "kind", {
    Text { text: String },
    Bytes { hex: String, len: u64, entropy: f64 },
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_come_back() {
        let ends =
            [EntryEnd::Returned, EntryEnd::Exited { code: -3 }, EntryEnd::Stopped { limit: Limit::WallTime }];
        let json = serde_json::to_string(&ends).unwrap();
        assert_eq!(
            json,
            r#"[{"status":"returned"},{"status":"exited","code":-3},{"status":"stopped","limit":"wall_time"}]"#
        );
        assert_eq!(serde_json::from_str::<[EntryEnd; 3]>(&json).unwrap(), ends);
        let bytes = postcard::to_allocvec(&ends).unwrap();
        assert_eq!(postcard::from_bytes::<[EntryEnd; 3]>(&bytes).unwrap(), ends);
        let pointed =
            [Pointed::Text { text: "a".into() }, Pointed::Bytes { hex: "00".into(), len: 1, entropy: 0.5 }];
        let bytes = postcard::to_allocvec(&pointed).unwrap();
        assert_eq!(postcard::from_bytes::<[Pointed; 2]>(&bytes).unwrap(), pointed);
    }
}
