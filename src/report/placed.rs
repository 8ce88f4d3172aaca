//! Places as places in the file of the sample.
//!
//! Offsets are in the file, and behind its end in what several modules of a component became. Readers of
//! other formats have the file alone. So what stands behind it is told where it comes from.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use crate::module::{
    FuncIndex, InFile, Module, Place,
    view::{Function, View},
};

use super::Report;

/// Finds places in the file.
#[derive(Debug)]
pub(super) struct Placed {
    /// What several modules became; `None` if offsets are in the file as they are.
    linked: Option<Module>,
    known: RefCell<HashMap<FuncIndex, Option<InFile>>>,
}

impl Placed {
    pub(super) fn of(report: &Report<'_>) -> Self {
        let linked = is_linked(report.view).then(|| Module::parse(Arc::clone(report.wasm)).ok());
        Self { linked: linked.flatten(), known: RefCell::default() }
    }

    /// Where an instruction stands in the file, if it does.
    pub(super) fn at(&self, place: Place) -> Option<u64> {
        let Some(module) = &self.linked else { return Some(place.offset.0.into()) };
        let mut known = self.known.borrow_mut();
        let found = known.entry(place.function).or_insert_with(|| module.in_file(place.function));
        Some(found.as_ref()?.at(place.offset)?.0.into())
    }
}

fn is_linked(view: &View) -> bool {
    view.component.as_ref().is_some_and(|component| component.linked_from.is_some())
}

/// Where the body of a function begins in the file, if it stands there.
pub(super) fn body(view: &View, function: &Function) -> Option<u64> {
    match is_linked(view) {
        true => function.origin.map(|origin| origin.offset),
        false => Some(function.offset.0.into()),
    }
}
