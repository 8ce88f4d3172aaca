//! Made-up arguments: pointers to a page of our own with something worth hashing in it, its length, small
//! numbers.

use crate::{
    sandbox::world::job,
    tracer::{Type, Value},
};

/// Bytes of the page.
pub(super) const PAGE: u32 = 64 << 10;
/// Where things lie in the page.
const TARGET: u32 = 4 << 10;
const OUTPUT: u32 = 8 << 10;
const TEXT: u32 = 12 << 10;
const OBJECT: u32 = 16 << 10;
const EVENT: u32 = 20 << 10;
/// Bytes of the input, as a job of a miner has.
pub(super) const LEN: i32 = 76;

/// What arguments are made of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Material {
    /// Address of the page.
    pub(super) page: u32,
    /// An object that the sample made itself.
    pub(super) handle: Option<i32>,
    /// Pieces of memory of the length of the input, with input in them, that may be given away.
    pub(super) parcels: [Option<u32>; 2],
}

/// The contents of the page. There is a job in hexadecimal digits, which will do as bytes too. There is the
/// target of a pool, which is a short text of digits. There are a text, and an event that hands over that
/// text. All else is zeros. It is to lie at `address`.
pub(super) fn page(address: u32) -> Vec<u8> {
    let mut page: Vec<u8> = job().iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
    page.resize(TARGET as usize, 0);
    page.extend_from_slice(b"b88d0600");
    page.resize(TEXT as usize, 0);
    page.extend_from_slice(&(WORDS.len() as u32).to_le_bytes());
    page.extend_from_slice(WORDS);
    page.resize(EVENT as usize, 0);
    let (text, len) = (text_at(address).wrapping_add(4), WORDS.len() as u32);
    for word in [1, text, len, 1, text, len] {
        page.extend_from_slice(&word.to_le_bytes());
    }
    page.resize(PAGE as usize, 0);
    page
}

/// A text that means nothing.
const WORDS: &[u8] = b"the quick brown fox jumps over 13 lazy dogs";

/// Where a text begins in the page, its length in bytes before it, as embind passes texts.
pub(super) fn text_at(page: u32) -> u32 {
    page.wrapping_add(TEXT)
}

/// Ways of making up arguments that are worth trying, the likeliest first.
pub(super) const PATTERNS: usize = 3;

/// What an integer argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// The object, or if there is none a pointer to zeros.
    Object,
    Input,
    Target,
    Output,
    Event,
    Len,
    Small(i32),
}

/// The integers of the `pattern`-th way, for so many of them.
fn slots(pattern: usize, count: usize, has_handle: bool) -> &'static [Slot] {
    use Slot::{Input, Len, Object, Output, Small};
    match (pattern, count, has_handle) {
        (0, 1, true) => &[Object],
        (0, 1, false) => &[Input],
        (1, 1, _) => &[Small(1)],
        (_, 1, _) => &[Len],
        (0, 2, _) => &[Input, Len],
        (1, 2, true) => &[Object, Input],
        (1, 2, false) => &[Input, Output],
        (_, 2, _) => &[Small(1), Small(1)],
        (0, 3, _) => &[Input, Output, Len],
        (1, 3, true) => &[Object, Input, Len],
        (1, 3, false) => &[Output, Input, Len],
        (_, 3, _) => &[Input, Len, Output],
        (0, 4, true) => &[Object, Input, Output, Len],
        (0, 4, false) => &[Input, Len, Small(1), Small(1)],
        (1, 4, _) => &[Input, Output, Len, Small(0)],
        (_, 4, _) => &[Input, Len, Output, Len],
        (0, _, true) => &[Object, Input, Output, Len, Small(0)],
        (0, _, false) => &[Input, Len, Output, Len, Small(1)],
        (1, _, _) => &[Input, Output, Len, Small(0), Small(1)],
        _ => &[Input, Len, Input, Len, Output],
    }
}

/// Arguments of these types, made up in the `pattern`-th way.
pub(super) fn make(types: &[Type], pattern: usize, material: Material) -> Vec<Value> {
    fill(types, slots(pattern, integers(types), material.handle.is_some()), material)
}

/// Arguments for what the sample told its host of, which is called when something happens. Of three numbers
/// the second is often what happened.
pub(super) fn make_telling(types: &[Type], material: Material) -> Vec<Value> {
    match integers(types) {
        3 => fill(types, &[Slot::Input, Slot::Event, Slot::Len], material),
        _ => make(types, 0, material),
    }
}

/// Arguments for what sets something: the object, if there is one, and a value or text.
pub(super) fn make_setting(types: &[Type], material: Material) -> Vec<Value> {
    use Slot::{Input, Object, Small, Target};
    let slots: &[Slot] = match (integers(types), material.handle.is_some()) {
        (2, true) => &[Object, Small(1)],
        (3.., true) => &[Object, Input, Target, Small(1)],
        (count, has_handle) => slots(0, count, has_handle),
    };
    fill(types, slots, material)
}

/// Arguments for what makes an object: a kind or a count, then sizes, then what it is made of.
pub(super) fn make_creating(types: &[Type], pattern: usize, material: Material) -> Vec<Value> {
    match pattern {
        0 => fill(types, &[Slot::Small(1)], material),
        1 => fill(types, &[Slot::Small(1 << 16); 4], material),
        _ => make(types, 0, material),
    }
}

pub(super) fn integers(types: &[Type]) -> usize {
    types.iter().filter(|ty| matches!(ty, Type::I32 | Type::I64)).count()
}

fn fill(types: &[Type], slots: &[Slot], material: Material) -> Vec<Value> {
    let mut parcels = material.parcels.into_iter().flatten();
    let mut position = 0;
    let mut integer = || {
        let page = material.page as i32;
        let is_counted = slots.get(position + 1) == Some(&Slot::Len);
        let slot = slots.get(position).copied().unwrap_or(Slot::Small(1));
        position += 1;
        if is_counted
            && matches!(slot, Slot::Input | Slot::Output)
            && let Some(parcel) = parcels.next()
        {
            return parcel as i32;
        }
        match slot {
            Slot::Object => material.handle.unwrap_or(page.wrapping_add(OBJECT as i32)),
            Slot::Input => page,
            Slot::Target => page.wrapping_add(TARGET as i32),
            Slot::Output => page.wrapping_add(OUTPUT as i32),
            Slot::Event => page.wrapping_add(EVENT as i32),
            Slot::Len => LEN,
            Slot::Small(value) => value,
        }
    };
    let values = types.iter().map(|ty| match ty {
        Type::I32 => Value::I32(integer()),
        Type::I64 => Value::I64(i64::from(integer() as u32)),
        Type::F32 => Value::F32(1.0),
        Type::F64 => Value::F64(1.0),
        Type::V128 => Value::V128(1),
        Type::FuncRef | Type::ExternRef | Type::ExnRef | Type::AnyRef => Value::Ref { null: true },
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_the_types_and_differ() {
        let material = Material { page: 0x1000, handle: Some(0x5000), ..Material::default() };
        let int = |values: &[i32]| values.iter().map(|&value| Value::I32(value)).collect::<Vec<_>>();
        assert_eq!(make(&[Type::I32; 4], 0, material), int(&[0x5000, 0x1000, 0x3000, 76]));
        assert_eq!(
            make(&[Type::I32; 2], 0, Material { page: 0x1000, ..Material::default() }),
            int(&[0x1000, 76])
        );
        assert_eq!(make(&[Type::I32; 7], 0, material).len(), 7);
        let mixed = make(&[Type::F64, Type::I64, Type::ExternRef, Type::ExnRef], 1, material);
        let null = Value::Ref { null: true };
        assert_eq!(mixed, [Value::F64(1.0), Value::I64(1), null, null]);
        let parcels = [Some(0x7000), Some(0x7100)];
        let given = make(&[Type::I32; 4], 2, Material { page: 0x1000, handle: None, parcels });
        assert_eq!(given, int(&[0x7000, 76, 0x7100, 76]));
        for count in 1..6 {
            let types = vec![Type::I32; count];
            let ways: Vec<_> = (0..PATTERNS).map(|pattern| make(&types, pattern, material)).collect();
            assert!(ways[0] != ways[1] && ways[1] != ways[2] && ways[0] != ways[2], "{ways:?}");
        }
        assert!(page(0).starts_with(b"0707f7a4") && page(0).len() == PAGE as usize);
    }
}
