//! Decoding of what postcard wrote, with a budget. Bytes of a file are hostile, and one of them may stand for
//! an element of a hundred bytes in memory.
//!
//! [`Metered`] stands around each part of a deserialization (deserializer, visitor, seed, accesses) and
//! passes everything on. Of a list or a map it charges the budget the size of each element before that is
//! made. Of text and bytes it charges the length. Room that a vector reserves beyond its elements is not
//! counted: at most as much again.

use std::{cell::Cell, fmt};

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Bytes that decoding may still take in memory.
#[derive(Debug)]
pub(super) struct Budget {
    left: Cell<usize>,
    is_spent: Cell<bool>,
}

impl Budget {
    pub(super) fn of(bytes: usize) -> Self {
        Self { left: Cell::new(bytes), is_spent: Cell::new(false) }
    }

    /// Takes so many bytes; `None` if there are not as many, and then nothing more is decoded.
    pub(super) fn charge(&self, bytes: usize) -> Option<()> {
        let left = self.left.get().checked_sub(bytes).filter(|_| !self.is_spent.get());
        self.is_spent.set(left.is_none());
        self.left.set(left?);
        Some(())
    }

    /// Whether more was wanted than there was.
    pub(super) fn is_spent(&self) -> bool {
        self.is_spent.get()
    }
}

/// A thing from the first bytes, and the bytes after it; `None` if there is none, or it is beyond the budget.
pub(super) fn take_from_bytes<'b, T: DeserializeOwned>(
    bytes: &'b [u8],
    budget: &Budget,
) -> Option<(T, &'b [u8])> {
    let mut inner = postcard::Deserializer::from_bytes(bytes);
    let thing = T::deserialize(Metered { inner: &mut inner, budget, is_list: false }).ok()?;
    Some((thing, inner.finalize().ok()?))
}

/// A thing that takes all of the bytes, or as [`take_from_bytes`]. Bytes after it are not looked at, as
/// postcard does.
pub(super) fn from_bytes<T: DeserializeOwned>(bytes: &[u8], budget: &Budget) -> Option<T> {
    take_from_bytes(bytes, budget).map(|(thing, _)| thing)
}

struct Metered<'b, T> {
    inner: T,
    budget: &'b Budget,
    /// Of a visitor or an access: it is that of a list or a map. The fields of a struct are part of its
    /// size.
    is_list: bool,
}

impl<'b, T> Metered<'b, T> {
    /// The same around another part.
    fn with<U>(budget: &'b Budget, inner: U) -> Metered<'b, U> {
        Metered { inner, budget, is_list: false }
    }

    fn charge<E: serde::de::Error>(&self, bytes: usize) -> Result<(), E> {
        self.budget.charge(bytes).ok_or_else(|| E::custom("beyond the budget"))
    }

    fn charge_element<U, E: serde::de::Error>(&self) -> Result<(), E> {
        if self.is_list { self.charge(size_of::<U>()) } else { Ok(()) }
    }
}

macro_rules! pass_on {
    ($($method:ident($($name:ident: $type:ty),*) $is_list:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = Metered { inner: visitor, budget: self.budget, is_list: $is_list };
            self.inner.$method($($name,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Metered<'_, D> {
    type Error = D::Error;

    pass_on! {
        deserialize_any() false
        deserialize_bool() false
        deserialize_i8() false
        deserialize_i16() false
        deserialize_i32() false
        deserialize_i64() false
        deserialize_i128() false
        deserialize_u8() false
        deserialize_u16() false
        deserialize_u32() false
        deserialize_u64() false
        deserialize_u128() false
        deserialize_f32() false
        deserialize_f64() false
        deserialize_char() false
        deserialize_str() false
        deserialize_string() false
        deserialize_bytes() false
        deserialize_byte_buf() false
        deserialize_option() false
        deserialize_unit() false
        deserialize_unit_struct(name: &'static str) false
        deserialize_newtype_struct(name: &'static str) false
        deserialize_seq() true
        deserialize_tuple(len: usize) false
        deserialize_tuple_struct(name: &'static str, len: usize) false
        deserialize_map() true
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) false
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) false
        deserialize_identifier() false
        deserialize_ignored_any() false
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

/// As [`visit`], of what has a length.
macro_rules! visit_long {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.charge::<E>(value.len())?;
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Metered<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool(bool)
        visit_i8(i8)
        visit_i16(i16)
        visit_i32(i32)
        visit_i64(i64)
        visit_i128(i128)
        visit_u8(u8)
        visit_u16(u16)
        visit_u32(u32)
        visit_u64(u64)
        visit_u128(u128)
        visit_f32(f32)
        visit_f64(f64)
        visit_char(char)
    }

    visit_long! {
        visit_str(&str)
        visit_borrowed_str(&'de str)
        visit_string(String)
        visit_bytes(&[u8])
        visit_borrowed_bytes(&'de [u8])
        visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Self::with(self.budget, inner))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Self::with(self.budget, inner))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Metered { inner, budget: self.budget, is_list: self.is_list })
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Metered { inner, budget: self.budget, is_list: self.is_list })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Self::with(self.budget, inner))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Metered<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Self::with(self.budget, inner))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Metered<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.charge_element::<S::Value, A::Error>()?;
        self.inner.next_element_seed(Self::with(self.budget, seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Metered<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.charge_element::<S::Value, A::Error>()?;
        self.inner.next_key_seed(Self::with(self.budget, seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.charge_element::<S::Value, A::Error>()?;
        self.inner.next_value_seed(Self::with(self.budget, seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Metered<'b, A> {
    type Error = A::Error;
    type Variant = Metered<'b, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(Self::with(self.budget, seed))?;
        Ok((value, Self::with(self.budget, variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Metered<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Self::with(self.budget, seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Self::with(self.budget, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Self::with(self.budget, visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Thing {
        Nothing,
        Pair(u8, String),
        Named { map: BTreeMap<u32, Vec<u64>>, wide: Option<u128> },
    }

    fn things() -> Vec<Thing> {
        let map = BTreeMap::from([(1, vec![1, 2, 3]), (9, Vec::new())]);
        vec![Thing::Nothing, Thing::Pair(7, "seven".into()), Thing::Named { map, wide: Some(u128::MAX) }]
    }

    #[test]
    fn what_is_within_the_budget_comes_back() {
        let bytes = postcard::to_allocvec(&things()).unwrap();
        // Three things, five letters, two pairs of the map, three numbers; and a look beyond the end of each
        // of the four lists.
        let pair = size_of::<u32>() + size_of::<Vec<u64>>();
        let needed = 3 * size_of::<Thing>() + 5 + 2 * pair + 3 * size_of::<u64>();
        let slack = size_of::<Thing>() + size_of::<u32>() + 2 * size_of::<u64>();
        assert_eq!(from_bytes::<Vec<Thing>>(&bytes, &Budget::of(needed + slack)), Some(things()));
        let budget = Budget::of(needed - 1);
        assert_eq!(from_bytes::<Vec<Thing>>(&bytes, &budget), None);
        assert!(budget.is_spent());
        let budget = Budget::of(needed + slack);
        assert_eq!(from_bytes::<Vec<Thing>>(&bytes[..bytes.len() - 1], &budget), None);
        assert!(!budget.is_spent(), "they are cut off, not too large");
    }
}
