//! Calling what a sample told its host of: functions that it registered with their types, then those that it
//! handed to imports.
//!
//! Constructors go first, so that there are objects for the members; of those that remain, the ones that
//! reach most. Each is an entry of its own, of the kind [`EntryKind::Callback`].

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
};

use super::{
    Driver, args,
    limits::CALLBACKS,
    rank::{Ranking, Reach},
};
use crate::{
    limitation::Limitation,
    module::FuncIndex,
    sandbox::{
        types::{Entry, EntryEnd, EntryKind},
        world::{Owner, Registered, Registration},
    },
    tracer::{Budget, TableFunction, Type, Value},
};

/// What was told and looked at.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Indices that were called or left out.
    done: BTreeSet<u32>,
    calls: usize,
    /// An object of each class that was made.
    objects: BTreeMap<u32, i32>,
    /// Classes that have a constructor.
    can_make: BTreeSet<u32>,
    /// What was called, to be called again with other arguments.
    targets: Vec<Target>,
}

/// What stands for the types that a registration names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    /// Numbers by position, the last for all that come after it.
    pub(super) integers: [i32; 6],
    pub(super) float: f64,
    /// Address of a text with its length before it, and of bytes.
    pub(super) text: u32,
    pub(super) pointer: u32,
}

/// A function to call.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) told: Registration,
    pub(super) function: TableFunction,
    pub(super) reach: Reach,
    /// Numbers that it compares something with.
    pub(super) compared: Vec<i32>,
}

impl Driver<'_> {
    /// Calls what is new of it.
    pub(super) fn callbacks(&mut self) {
        let registered = self.state.lock().unwrap_or_else(PoisonError::into_inner).world.registered.clone();
        let mut targets = self.targets(&registered);
        self.told.can_make.extend(targets.iter().filter_map(|target| match target.told.owner {
            Owner::Makes(class) => Some(class),
            _ => None,
        }));
        if targets.is_empty() || self.is_over() {
            return;
        }
        if self.material.page == 0 {
            self.make_page();
            self.keep();
        }
        targets.sort_by_key(|target| self.told.order(target));
        let mut left = Vec::new();
        for target in &targets {
            if self.is_over() || self.told.calls >= CALLBACKS {
                left.push(target.told.name.clone());
                continue;
            }
            self.told.calls += 1;
            self.call_told(target, &registered);
        }
        self.told.targets.extend(targets.into_iter().take(CALLBACKS));
        if !left.is_empty() {
            self.limitations
                .push(Limitation::RegisteredLeft { count: left.len() as u64, first: super::first(left) });
        }
    }

    /// Functions that were told and not looked at yet, of the sample's own code, that no entry called.
    fn targets(&mut self, registered: &Registered) -> Vec<Target> {
        let handed = registered.callbacks().into_iter().map(|(import, index)| Registration {
            name: self.handed_name(import, index),
            index,
            owner: Owner::Callback,
            context: None,
            types: Vec::new(),
        });
        let handed: Vec<_> = handed.collect();
        let new: Vec<_> = registered
            .functions
            .iter()
            .cloned()
            .chain(handed)
            .filter(|told| !self.told.done.contains(&told.index) || told.owner != Owner::Callback)
            .filter_map(|told| Some((self.session.table_function(told.index.into())?, told)))
            .collect();
        let called: BTreeSet<_> = self.entries.iter().filter_map(|entry| entry.func).collect();
        let mut ranking = None;
        let mut targets = Vec::new();
        for (function, told) in new {
            let Some(func) = function.func else { continue };
            let is_new = match told.owner {
                Owner::Callback => self.told.done.insert(told.index) && !called.contains(&func),
                // One function may serve many registrations, each with what it calls.
                _ => !self.told.seen(&told),
            };
            if is_new {
                let module = self.session.module();
                let ranking = ranking.get_or_insert_with(|| Ranking::new(module));
                // The function that it calls says more than the one that calls it.
                let called = told.context.and_then(|index| self.session.table_function(index.into())?.func);
                let func = called.unwrap_or(func);
                let (reach, compared) = (ranking.reach(func), ranking.compared(func));
                targets.push(Target { told, function, reach, compared });
            }
        }
        targets
    }

    /// What an index is called that was handed to an import.
    fn handed_name(&self, import: FuncIndex, index: u32) -> String {
        let import = self.session.module().imported_function(import);
        let to = import.map_or_else(String::new, |import| format!(" for {}.{}", import.module, import.name));
        format!("table[{index}]{to}")
    }

    fn call_told(&mut self, target: &Target, registered: &Registered) {
        let page = self.material.page;
        let given = Given { integers: [16; 6], float: 1.0, text: args::text_at(page), pointer: page };
        let args = self.told_args(target, registered, &given);
        let func = target.function.func.unwrap_or(FuncIndex(0));
        let Budget { work, host_calls, .. } = self.made_up_budget(func, target.reach);
        let budget = Budget { work, host_calls, ..self.budget() };
        self.call_target(target, args, &budget);
        if !self.settle() && self.keep_object(target) {
            self.keep();
        }
    }

    pub(super) fn call_target(&mut self, target: &Target, args: Vec<Value>, budget: &Budget) {
        let Target { told, function, .. } = target;
        self.begin();
        let kind = EntryKind::Callback;
        self.tell_begun(&told.name, kind, function.func, &args, true);
        let outcome = self.session.invoke_at(told.index.into(), &args, budget);
        self.enter(told.name.clone(), kind, function.func, args, true, outcome);
    }

    /// Keeps the object that the last call made; returns whether it made one.
    pub(super) fn keep_object(&mut self, target: &Target) -> bool {
        let Some(Entry { results, end: EntryEnd::Returned, .. }) = self.entries.last() else { return false };
        match (target.told.owner, results.first()) {
            (Owner::Makes(class), Some(&Value::I32(object @ 1..))) => {
                self.told.objects.insert(class, object);
                true
            }
            _ => false,
        }
    }

    /// Arguments by the types that the registration names; made up where it names none.
    pub(super) fn told_args(&self, target: &Target, registered: &Registered, given: &Given) -> Vec<Value> {
        let Target { told, function: TableFunction { params, .. }, .. } = target;
        if told.owner == Owner::Callback {
            return args::make_telling(params, self.material);
        }
        let mut types = told.types.iter();
        let value = |(position, &ty): (usize, &Type)| match (position, ty) {
            (0, Type::I32) if told.context.is_some() => Value::I32(told.context.unwrap_or(0) as i32),
            (1, Type::I32) if let Owner::Member(class) = told.owner => {
                Value::I32(self.told.objects.get(&class).copied().unwrap_or(self.material.page as i32))
            }
            (_, ty) => {
                let integer = given.integers[position.min(given.integers.len() - 1)];
                self.value_of(ty, types.next().copied().unwrap_or(0), registered, integer, given)
            }
        };
        params.iter().enumerate().map(value).collect()
    }

    /// A value of a type that the sample named.
    fn value_of(&self, ty: Type, number: u32, registered: &Registered, integer: i32, given: &Given) -> Value {
        let name = registered.type_name(number);
        let class = registered.class_of(number);
        let word = match self.told.objects.get(&class) {
            Some(&object) => object,
            None if name.contains("string") => given.text as i32,
            None if name.contains("val") => 2,
            None if name == "bool" => 1 ^ (integer & 1),
            None if name.contains('*') || name.contains("memory_view") => given.pointer as i32,
            None => integer,
        };
        match ty {
            Type::I32 => Value::I32(word),
            Type::I64 => Value::I64(integer.into()),
            Type::F32 => Value::F32(given.float as f32),
            Type::F64 => Value::F64(given.float),
            other => args::make(&[other], 0, self.material)[0],
        }
    }
}

impl Told {
    /// What was called.
    pub(super) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Whether a registration was looked at; notes that it is.
    fn seen(&mut self, told: &Registration) -> bool {
        // Two registrations may share an invoker. The function that it calls tells them apart; the two are
        // indices of the same table.
        let key = told.context.unwrap_or(0).wrapping_mul(0x0100_0193) ^ told.index | 1 << 31;
        !self.done.insert(key)
    }

    /// Constructors come first, then what needs no object, then members. Functions that are only known to
    /// have been handed over follow. Members of classes that no object was made of come last.
    fn order(&self, target: &Target) -> (u8, Reverse<(bool, u64, u64)>) {
        let group = match target.told.owner {
            Owner::Makes(_) => 0,
            Owner::Free => 1,
            Owner::Member(class) if self.can_make.contains(&class) => 2,
            Owner::Callback => 3,
            Owner::Member(_) => 4,
        };
        let Reach { has_effect, mixes, loops, .. } = target.reach;
        (group, Reverse((has_effect, mixes, loops)))
    }
}
