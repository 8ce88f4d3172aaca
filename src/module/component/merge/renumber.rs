//! From the indices of an instance to those of the module that all become.

use std::collections::BTreeSet;

use wasm_encoder::{ConstExpr, Instruction, reencode, reencode::Reencode};
use wasmparser::{ExternalKind, Operator};

use super::{
    super::{
        limits::{MAX_LINKED_ITEMS, MAX_LINKED_SEGMENTS, MAX_LINKED_STORES},
        problem::Problem,
    },
    constant::{self, Globals, Value},
    sections::Sections,
};

type Error = reencode::Error<Problem>;

/// The numbers of what an instance has of one kind.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Of what it imports.
    pub(super) imported: Vec<u32>,
    /// Of the first that it defines, and how many there are.
    pub(super) first: u32,
    pub(super) defined: u32,
}

impl Space {
    pub(super) fn of(&self, index: u32) -> Result<u32, Problem> {
        if let Some(&number) = self.imported.get(index as usize) {
            return Ok(number);
        }
        let position = index.checked_sub(self.imported.len() as u32).filter(|at| *at < self.defined);
        Ok(self.first + position.ok_or(Problem::Dangling("an index"))?)
    }

    /// So many are defined behind those that were.
    fn define(&mut self, next: &mut Self, count: usize) -> Result<(), Problem> {
        let count = u32::try_from(count).map_err(|_| Problem::TooLarge)?;
        (self.first, self.defined) = (next.first, count);
        next.first = next.first.checked_add(count).ok_or(Problem::TooLarge)?;
        Ok(())
    }
}

/// The numbers of all that an instance has.
#[derive(Debug, Default)]
pub(super) struct Spaces {
    pub(super) types: Space,
    pub(super) functions: Space,
    pub(super) tables: Space,
    pub(super) memories: Space,
    pub(super) globals: Space,
    tags: Space,
    pub(super) elements: Space,
    pub(super) data: Space,
    /// Of the functions of the host that it imports.
    pub(super) hosts: Vec<u32>,
}

impl Spaces {
    /// Numbers what a module defines behind what those before it do.
    pub(super) fn define(&mut self, next: &mut Self, sections: &Sections<'_>) -> Result<(), Problem> {
        let count = |count: Option<u32>| count.unwrap_or(0) as usize;
        self.functions.define(&mut next.functions, sections.functions.len())?;
        self.tables.define(&mut next.tables, count(sections.tables.as_ref().map(|all| all.count())))?;
        self.memories.define(&mut next.memories, count(sections.memories.as_ref().map(|all| all.count())))?;
        self.globals.define(&mut next.globals, count(sections.globals.as_ref().map(|all| all.count())))?;
        self.tags.define(&mut next.tags, count(sections.tags.as_ref().map(|all| all.count())))?;
        self.elements.define(&mut next.elements, count(sections.elements.as_ref().map(|all| all.count())))?;
        self.data.define(&mut next.data, count(sections.data.as_ref().map(|all| all.count())))
    }

    /// How many of each kind there are, and may be.
    pub(super) fn counts(&self) -> [(&'static str, u32, u32); 7] {
        [
            ("functions", self.functions.first, MAX_LINKED_ITEMS),
            ("tables", self.tables.first, MAX_LINKED_STORES),
            ("memories", self.memories.first, MAX_LINKED_STORES),
            ("globals", self.globals.first, MAX_LINKED_ITEMS),
            ("tags", self.tags.first, MAX_LINKED_ITEMS),
            ("segments", self.elements.first, MAX_LINKED_SEGMENTS),
            ("segments", self.data.first, MAX_LINKED_SEGMENTS),
        ]
    }

    pub(super) fn space(&self, kind: ExternalKind) -> &Space {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => &self.functions,
            ExternalKind::Table => &self.tables,
            ExternalKind::Memory => &self.memories,
            ExternalKind::Global => &self.globals,
            ExternalKind::Tag => &self.tags,
        }
    }

    pub(super) fn space_mut(&mut self, kind: ExternalKind) -> &mut Space {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => &mut self.functions,
            ExternalKind::Table => &mut self.tables,
            ExternalKind::Memory => &mut self.memories,
            ExternalKind::Global => &mut self.globals,
            ExternalKind::Tag => &mut self.tags,
        }
    }
}

/// Writes what one instance has with the numbers of the module.
pub(super) struct Renumber {
    pub(super) spaces: Vec<Spaces>,
    /// The instance that is read.
    pub(super) unit: usize,
    /// Values of globals that never change, by their numbers.
    pub(super) values: Vec<Option<Value>>,
    /// Functions that code refers to.
    pub(super) referred: BTreeSet<u32>,
}

impl Renumber {
    pub(super) fn new(units: usize) -> Self {
        Self {
            spaces: std::iter::repeat_with(Spaces::default).take(units).collect(),
            unit: 0,
            values: Vec::new(),
            referred: BTreeSet::new(),
        }
    }

    pub(super) fn now(&self) -> &Spaces {
        &self.spaces[self.unit]
    }
}

impl Globals for Renumber {
    fn global(&self, index: u32) -> Result<Value, Problem> {
        let number = self.now().globals.of(index)?;
        let value = self.values.get(number as usize).and_then(Option::as_ref);
        value.cloned().ok_or(Problem::Dangling("the value of a global"))
    }
}

impl Reencode for Renumber {
    type Error = Problem;

    fn type_index(&mut self, index: u32) -> Result<u32, Error> {
        self.now().types.of(index).map_err(Error::UserError)
    }

    fn function_index(&mut self, index: u32) -> Result<u32, Error> {
        self.now().functions.of(index).map_err(Error::UserError)
    }

    fn table_index(&mut self, index: u32) -> Result<u32, Error> {
        self.now().tables.of(index).map_err(Error::UserError)
    }

    fn memory_index(&mut self, index: u32) -> Result<u32, Error> {
        self.now().memories.of(index).map_err(Error::UserError)
    }

    fn global_index(&mut self, index: u32) -> Result<u32, Error> {
        self.now().globals.of(index).map_err(Error::UserError)
    }

    fn tag_index(&mut self, index: u32) -> Result<u32, Error> {
        self.now().tags.of(index).map_err(Error::UserError)
    }

    fn element_index(&mut self, index: u32) -> Result<u32, Error> {
        self.now().elements.of(index).map_err(Error::UserError)
    }

    fn data_index(&mut self, index: u32) -> Result<u32, Error> {
        self.now().data.of(index).map_err(Error::UserError)
    }

    fn instruction<'a>(&mut self, operator: Operator<'a>) -> Result<Instruction<'a>, Error> {
        if let Operator::RefFunc { function_index } = operator {
            let number = self.now().functions.of(function_index).map_err(Error::UserError)?;
            self.referred.insert(number);
        }
        reencode::utils::instruction(self, operator)
    }

    fn const_expr(&mut self, expr: wasmparser::ConstExpr<'_>) -> Result<ConstExpr, Error> {
        constant::value(self, &expr).map(|value| value.expr()).map_err(Error::UserError)
    }
}
