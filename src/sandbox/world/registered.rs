//! The functions of its table that a sample tells its host of, with what is known of how they are called.
//!
//! Recognised by what is handed over and not by the name of the import, which tools cut to a letter:
//!
//! * a text of letters that stand for types (`viid`), and in the argument behind it the index of a function
//!   of that type. This is a registration of embind; what stands before it says whether it is a free
//!   function, a constructor or a member;
//! * a text that names a type, behind the number of that type;
//! * an index of the table, at a place of an import that never was given anything else;
//! * an object of Rust and its table of methods, one of which calls it: a closure, as wasm-bindgen hands it
//!   on.
//!
//! Not here: calling them (`driver`).

use std::collections::{BTreeMap, BTreeSet};

use super::limits::{HANDED, HANDED_EACH, LOOKED_AT, MOST_CAPTURED, REGISTERED, REGISTERED_TYPES, VIEWS};
use crate::{
    module::FuncIndex,
    sandbox::log,
    tracer::{Caller, Type, Value},
};

/// Words of a table of methods that are looked at: drop, size, alignment, two ways to call.
const METHODS: usize = 5;

/// All that was told.
#[derive(Debug, Clone, Default)]
pub(in crate::sandbox) struct Registered {
    /// In their order.
    pub(in crate::sandbox) functions: Vec<Registration>,
    /// Names of types by their numbers.
    types: BTreeMap<u32, String>,
    /// Types of pointers to classes, and their classes.
    classes: BTreeMap<u32, u32>,
    /// Arguments of imports that may be indices, by function and position.
    handed: BTreeMap<(FuncIndex, usize), Handed>,
    /// Views of memory that were handed over and nobody took yet: address and length.
    views: Vec<(u32, u32)>,
    /// Calls looked at.
    looked: u64,
}

/// A function that was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Registration {
    /// What the sample calls it, or what it was handed to.
    pub(in crate::sandbox) name: String,
    /// Its index in the table.
    pub(in crate::sandbox) index: u32,
    /// What it belongs to.
    pub(in crate::sandbox) owner: Owner,
    /// The first argument of each call, if it has one.
    pub(in crate::sandbox) context: Option<u32>,
    /// Numbers of the types of the other arguments, as far as told.
    pub(in crate::sandbox) types: Vec<u32>,
}

/// What a function belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sandbox) enum Owner {
    /// Nothing.
    Free,
    /// It makes objects of this class.
    Makes(u32),
    /// An object of this class is its second argument.
    Member(u32),
    /// It was handed to an import, and nothing else is known.
    Callback,
}

/// What was given at one place of an import.
#[derive(Debug, Clone, Default)]
struct Handed {
    indices: BTreeSet<u32>,
    /// Something else was given too.
    is_mixed: bool,
}

impl Registered {
    /// Keeps a registration.
    pub(in crate::sandbox) fn add(&mut self, registration: Registration) {
        if self.functions.len() < REGISTERED {
            self.functions.push(registration);
        }
    }

    /// Looks at a call of an imported function.
    pub(in crate::sandbox) fn look(&mut self, call: &Caller<'_>, func: FuncIndex) {
        self.looked += 1;
        if self.looked > LOOKED_AT {
            return;
        }
        let args: Vec<Option<u32>> = call.args().iter().map(word).collect();
        // Other numbers of a registration are sizes, flags and what an invoker calls.
        if self.signed(call, &args) || self.name_type(call, &args) {
            return;
        }
        self.view(call, &args);
        self.closure(call, &args);
        for (position, value) in args.into_iter().enumerate() {
            self.hand(call, (func, position), value);
        }
    }

    /// Pairs of a signature and an index; returns whether there are any.
    fn signed(&mut self, call: &Caller<'_>, args: &[Option<u32>]) -> bool {
        let mut found = 0;
        let mut at = 1;
        while at + 1 < args.len() {
            if let (Some(signature), Some(index)) = (args[at], args[at + 1])
                && fits(call, signature, index)
            {
                found += 1;
                self.register(call, args, at);
                at += 1;
            }
            at += 1;
        }
        // A class tells of pointers to itself before its functions that convert them.
        if let [Some(class), Some(pointer), Some(constant), ..] = *args
            && found > 1
            && args.len() > 9
            && self.classes.len() < REGISTERED_TYPES
        {
            self.classes.extend([(pointer, class), (constant, class)]);
        }
        found > 0
    }

    fn register(&mut self, call: &Caller<'_>, args: &[Option<u32>], at: usize) {
        let arg = |position: usize| args.get(position).copied().flatten();
        let index = arg(at + 1).unwrap_or(0);
        let context = arg(at + 2);
        let owner = arg(0).unwrap_or(0);
        let name = |position| arg(position).and_then(|address| identifier(call, address));
        let types = |count: usize, from: usize| list(call, arg(count), arg(from));
        let registration = match at {
            // Name, number of types, types, signature, function, what it calls.
            3 if name(0).is_some() => Registration {
                name: name(0).unwrap_or_default(),
                index,
                owner: Owner::Free,
                context,
                types: types(1, 2).split_off(1),
            },
            // Class, number of types, types, signature, function, what it calls.
            3 => Registration {
                name: self.types.get(&owner).cloned().unwrap_or_default(),
                index,
                owner: Owner::Makes(owner),
                context,
                types: types(1, 2).split_off(1),
            },
            // Class, name, number of types, types, signature, function, what it calls. Of a member the types
            // are: the result, the class, the others; of a function of the class the class is missing.
            4 if name(1).is_some() => {
                let all = types(2, 3);
                let is_member = all.get(1).is_some_and(|&class| self.class_of(class) == owner);
                Registration {
                    name: name(1).unwrap_or_default(),
                    index,
                    owner: if is_member { Owner::Member(owner) } else { Owner::Free },
                    context,
                    types: all.get(if is_member { 2 } else { 1 }..).unwrap_or_default().to_vec(),
                }
            }
            // Parts of a registration: what reads or writes a field, converts a pointer, destroys an object.
            _ => return,
        };
        self.add(registration);
    }

    /// An object and, behind it, the address of its methods. These are how it is dropped, its size and
    /// alignment, and then how it is called.
    fn closure(&mut self, call: &Caller<'_>, args: &[Option<u32>]) {
        for pair in args.windows(2) {
            let [Some(object), Some(methods)] = *pair else { continue };
            let Some(index) = called_by(call, methods) else { continue };
            let owner = Owner::Free;
            let is_known = |told: &Registration| told.index == index && told.context == Some(object);
            if !self.functions.iter().any(is_known) {
                let name = format!("closure of table[{index}]");
                self.add(Registration { name, index, owner, context: Some(object), types: Vec::new() });
            }
        }
    }

    /// A number and the name of a type; returns whether it is that.
    fn name_type(&mut self, call: &Caller<'_>, args: &[Option<u32>]) -> bool {
        let [Some(number), Some(name), ..] = *args else { return false };
        if number >= 64
            && self.types.len() < REGISTERED_TYPES
            && let Some(name) = identifier(call, name)
        {
            self.types.insert(number, name);
            return true;
        }
        false
    }

    /// The number of a type that is a view of memory, and behind it the address of one: length and place.
    fn view(&mut self, call: &Caller<'_>, args: &[Option<u32>]) {
        for pair in args.windows(2) {
            let [Some(number), Some(at)] = *pair else { continue };
            let is_view = self.types.get(&number).is_some_and(|name| name.contains("memory_view"));
            if is_view
                && self.views.len() < VIEWS
                && let Some(bytes) = call.read_memory(at.into(), 8)
                && let [len, address] = *bytes.as_chunks::<4>().0
            {
                self.views.push((u32::from_le_bytes(address), u32::from_le_bytes(len)));
            }
        }
    }

    /// The views that were handed over since they were asked for last.
    pub(in crate::sandbox) fn take_views(&mut self) -> Vec<(u32, u32)> {
        std::mem::take(&mut self.views)
    }

    /// Notes what stands at a place of an import.
    fn hand(&mut self, call: &Caller<'_>, place: (FuncIndex, usize), value: Option<u32>) {
        let is_index = value.filter(|&index| index > 0 && call.table_type(index.into()).is_some());
        if self.handed.len() >= HANDED && !self.handed.contains_key(&place) {
            return;
        }
        let handed = self.handed.entry(place).or_default();
        match is_index {
            Some(index) if handed.indices.len() < HANDED_EACH => _ = handed.indices.insert(index),
            Some(_) => {}
            None => handed.is_mixed = true,
        }
    }

    /// Indices that were handed over, with where: those of places that never had anything else. What a
    /// registration tells is not among them.
    pub(in crate::sandbox) fn callbacks(&self) -> Vec<(FuncIndex, u32)> {
        let told: BTreeSet<u32> = self.functions.iter().map(|function| function.index).collect();
        let places = self.handed.iter().filter(|(_, handed)| !handed.is_mixed);
        let mut once = BTreeSet::new();
        let indices =
            places.flat_map(|(&(func, _), handed)| handed.indices.iter().map(move |&index| (func, index)));
        indices.filter(|&(_, index)| !told.contains(&index) && once.insert(index)).collect()
    }

    /// What a type is called.
    pub(in crate::sandbox) fn type_name(&self, number: u32) -> &str {
        self.types.get(&number).map_or("", String::as_str)
    }

    /// The class that a type is, or is a pointer to.
    pub(in crate::sandbox) fn class_of(&self, number: u32) -> u32 {
        self.classes.get(&number).copied().unwrap_or(number)
    }
}

fn word(value: &Value) -> Option<u32> {
    match *value {
        Value::I32(value) => Some(value as u32),
        _ => None,
    }
}

/// The function that calls an object whose methods lie there, if such a table does.
fn called_by(call: &Caller<'_>, methods: u32) -> Option<u32> {
    if methods < 64 || !methods.is_multiple_of(4) {
        return None;
    }
    let bytes = call.read_memory(methods.into(), 4 * METHODS as u64)?;
    let (words, _) = bytes.as_chunks::<4>();
    let word = |at: usize| words.get(at).map(|word| u32::from_le_bytes(*word));
    let (drop, size, align) = (word(0)?, word(1)?, word(2)?);
    let takes_object = |index: u32| {
        let (params, results) = call.table_type(index.into()).filter(|_| index > 0)?;
        (params.first() == Some(&Type::I32)).then(|| (params.to_vec(), results.to_vec()))
    };
    let drops =
        drop == 0 || takes_object(drop).is_some_and(|(params, results)| params.len() + results.len() == 1);
    if !drops || size > MOST_CAPTURED || !align.is_power_of_two() || align > 16 || size % align != 0 {
        return None;
    }
    // Called once and consumed; called again and again, with the same arguments.
    let once = word(3).filter(|&index| takes_object(index).is_some())?;
    let again = word(4).filter(|&index| index != drop && takes_object(index) == takes_object(once));
    Some(again.unwrap_or(once))
}

/// Whether a text of letters stands at `signature` that is the type of the function at `index`. The result
/// comes first, as Emscripten writes it.
fn fits(call: &Caller<'_>, signature: u32, index: u32) -> bool {
    if signature < 64 {
        return false;
    }
    let Some((params, results)) = call.table_type(index.into()) else { return false };
    let Some(text) = log::c_string(call, signature.into()) else { return false };
    let Some((&result, letters)) = text.split_first() else { return false };
    let is_of = |letter: u8, ty: Type| {
        matches!(
            (letter, ty),
            (b'i' | b'p', Type::I32) | (b'j', Type::I64) | (b'f', Type::F32) | (b'd', Type::F64)
        )
    };
    let is_result = match results[..] {
        [] => result == b'v',
        [ty] => is_of(result, ty),
        _ => false,
    };
    is_result
        && letters.len() == params.len()
        && letters.iter().zip(params).all(|(&letter, ty)| is_of(letter, ty))
}

/// A short text of letters, digits and what stands in names of types.
fn identifier(call: &Caller<'_>, address: u32) -> Option<String> {
    if address < 64 {
        return None;
    }
    let text = log::c_string(call, address.into())?;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_$:<>, *&.~-".contains(byte);
    let is_name = (1..=128).contains(&text.len()) && text.iter().all(is_part);
    let begins = text.first().is_some_and(|byte| byte.is_ascii_alphabetic() || b"_$~".contains(byte));
    (is_name && begins).then(|| String::from_utf8_lossy(text).into_owned())
}

/// Numbers of types in memory; one at least, for a result that was not told.
fn list(call: &Caller<'_>, count: Option<u32>, address: Option<u32>) -> Vec<u32> {
    let count = count.unwrap_or(0).min(16);
    let bytes = call.read_memory(address.unwrap_or(0).into(), u64::from(count) * 4).unwrap_or_default();
    let mut types: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    if types.is_empty() {
        types.push(0);
    }
    types
}
