//! Instances of modules, written as one module that does what they do.
//!
//! Each index space holds what the instances have, in their order, behind what is imported. Only functions
//! are imported: what an instance gets of another is that one's own. Code stays what it is but for indices.
//!
//! | in the instances | in the module |
//! |---|---|
//! | types of functions | once each |
//! | an import of the host | an import, once for each name and type |
//! | a global in a constant expression | its value |
//! | segments before the first start function | as they are: nothing sees in which order they are put |
//! | later ones | passive; a start function puts them where they go, in the order of the instances |
//! | start functions | called by that one; if there is one only and nothing behind it, it is the start |
//! | names of functions, else those of their exports | names of functions |
//! | other custom sections | nothing: their offsets are others |
//!
//! So an instance of a module that is made twice is there twice. Nothing is validated: the file is, and then
//! what was written.

mod begin;
mod constant;
mod renumber;
mod sections;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use wasm_encoder::{
    CodeSection, DataCountSection, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, FuncType, FunctionSection, GlobalSection, ImportSection, MemorySection, NameMap,
    NameSection, StartSection, TableSection, TagSection, TypeSection, reencode::Reencode as _,
};
use wasmparser::{CompositeInnerType, ExternalKind, Name, TypeRef};

use super::{
    Linked, Origin,
    limits::{MAX_LINKED_BYTES, MAX_LINKED_ITEMS},
    plan::{Plan, Source},
    problem::Problem,
};
use begin::Begin;
use constant::Value;
use renumber::{Renumber, Spaces};
use sections::Sections;

/// The name of the function that begins all instances.
const BEGIN: &str = "begin all modules of the component";

/// What the instances became.
pub(super) struct Merged {
    /// In the binary format.
    pub(super) wasm: Vec<u8>,
    /// What it imports, in its order.
    pub(super) imports: Vec<Linked>,
    /// Where each function that it defines comes from.
    pub(super) origins: Vec<Origin>,
}

/// Writes what is planned as one module.
pub(super) fn merge(file: &[u8], plan: &Plan) -> Result<Merged, Problem> {
    let bytes: usize = plan.units.iter().map(|unit| unit.bytes.len()).sum();
    if bytes > MAX_LINKED_BYTES {
        return Err(Problem::TooLarge);
    }
    let read = plan.units.iter().map(|unit| Sections::read(file, unit.bytes.clone()));
    let units = read.collect::<Result<Vec<_>, _>>()?;
    let mut merge = Merge {
        plan,
        units,
        renumber: Renumber::new(plan.units.len()),
        types: TypeSection::new(),
        count: 0,
        known: HashMap::new(),
        imports: Vec::new(),
        worked_on: Vec::new(),
        origins: Vec::new(),
        begins: Vec::new(),
    };
    let wasm = merge.write()?;
    Ok(Merged { wasm, imports: merge.imports, origins: merge.origins })
}

/// The module being written.
struct Merge<'p, 'a> {
    plan: &'p Plan,
    /// What each instance has.
    units: Vec<Sections<'a>>,
    renumber: Renumber,
    types: TypeSection,
    /// How many there are; a group in the section is several.
    count: u32,
    /// Types of functions, by what they are.
    known: HashMap<FuncType, u32>,
    imports: Vec<Linked>,
    /// The memories that they work on.
    worked_on: Vec<Option<&'p (usize, Rc<str>)>>,
    origins: Vec<Origin>,
    /// What is left to do when it is instantiated, for each instance.
    begins: Vec<Begin>,
}

impl Merge<'_, '_> {
    fn write(&mut self) -> Result<Vec<u8>, Problem> {
        for unit in 0..self.units.len() {
            self.add_types(unit)?;
        }
        let imports = self.add_imports()?;
        self.number()?;
        let (tables, memories, tags) = (self.tables()?, self.memories()?, self.tags()?);
        let (globals, exports) = (self.globals()?, self.exports()?);
        self.begins = begin::plan(&self.units);
        let (mut code, mut elements) = (self.code()?, self.elements()?);
        let data = self.data()?;
        let names_data = self.begins.iter().any(|begin| !begin.steps.is_empty());
        let mut functions = FunctionSection::new();
        for (unit, sections) in self.units.iter().enumerate() {
            for &ty in &sections.functions {
                functions.function(self.renumber.spaces[unit].types.of(ty)?);
            }
        }
        let start = self.start(&mut functions, &mut code)?;
        if !self.renumber.referred.is_empty() {
            // A function that is referred to must be declared, and here not all of them are exported.
            let referred: Vec<u32> = self.renumber.referred.iter().copied().collect();
            elements.declared(Elements::Functions(referred.into()));
        }
        let mut module = wasm_encoder::Module::new();
        module.section(&self.types).section(&imports).section(&functions).section(&tables).section(&memories);
        if !tags.is_empty() {
            module.section(&tags);
        }
        module.section(&globals).section(&exports);
        if let Some(function_index) = start {
            module.section(&StartSection { function_index });
        }
        module.section(&elements);
        // Code that names a segment asks for it.
        if names_data || self.units.iter().any(|sections| sections.counts_data) {
            module.section(&DataCountSection { count: data.len() });
        }
        module.section(&code).section(&data).section(&self.names()?);
        Ok(module.finish())
    }

    /// Adds the types of an instance, those of functions that are known no second time.
    fn add_types(&mut self, unit: usize) -> Result<(), Problem> {
        self.renumber.unit = unit;
        for group in self.units[unit].types.take().into_iter().flatten() {
            let group = group?;
            let plain = match group.types().next() {
                Some(ty) if !group.is_explicit_rec_group() => match &ty.composite_type.inner {
                    CompositeInnerType::Func(func)
                        if ty.is_final
                            && ty.supertype_idxs.is_empty()
                            && !ty.composite_type.shared
                            && ty.composite_type.describes_idx.is_none()
                            && ty.composite_type.descriptor_idx.is_none() =>
                    {
                        Some(self.renumber.func_type(func.clone())?)
                    }
                    _ => None,
                },
                _ => None,
            };
            match plain {
                Some(ty) => {
                    let number = self.func_type(ty);
                    self.renumber.spaces[unit].types.imported.push(number);
                }
                None => {
                    let (first, count) = (self.count, group.types().len() as u32);
                    // They may name one another.
                    self.count = first.saturating_add(count);
                    self.renumber.spaces[unit].types.imported.extend(first..self.count);
                    self.renumber.parse_recursive_type_group(self.types.ty(), group)?;
                }
            }
            bound("types", self.count, MAX_LINKED_ITEMS)?;
        }
        Ok(())
    }

    /// The number of a type of functions.
    fn func_type(&mut self, ty: FuncType) -> u32 {
        *self.known.entry(ty).or_insert_with_key(|ty| {
            self.types.ty().func_type(ty);
            self.count += 1;
            self.count - 1
        })
    }

    /// Adds what is the host's to the imports, and numbers it in the instances that import it.
    fn add_imports(&mut self) -> Result<ImportSection, Problem> {
        let (mut imports, mut numbers) = (ImportSection::new(), BTreeMap::new());
        for (unit, planned) in self.plan.units.iter().enumerate() {
            for (source, ty) in planned.sources.iter().zip(&self.units[unit].imports) {
                let Source::Host(linked, memory) = source else { continue };
                let (TypeRef::Func(ty) | TypeRef::FuncExact(ty)) = *ty else {
                    return Err(Problem::Dangling("what a module imports"));
                };
                let ty = self.renumber.spaces[unit].types.of(ty)?;
                let key = (&linked.module, &linked.name, ty, memory, &linked.realloc);
                let number = *numbers.entry(key).or_insert_with(|| {
                    imports.import(&linked.module, &linked.name, EntityType::Function(ty));
                    self.imports.push(linked.clone());
                    self.worked_on.push(memory.as_ref());
                    imports.len() - 1
                });
                self.renumber.spaces[unit].hosts.push(number);
            }
        }
        bound("imports", imports.len(), MAX_LINKED_ITEMS)?;
        Ok(imports)
    }

    /// Numbers what the instances define, and gives each what it imports of those before it.
    fn number(&mut self) -> Result<(), Problem> {
        let mut next = Spaces::default();
        next.functions.first = self.imports.len() as u32;
        for (unit, sections) in self.units.iter().enumerate() {
            let mut spaces = std::mem::take(&mut self.renumber.spaces[unit]);
            spaces.define(&mut next, sections)?;
            let mut hosts = std::mem::take(&mut spaces.hosts).into_iter();
            let missing = || Problem::Dangling("what a module imports");
            let sources = &self.plan.units[unit].sources;
            if sources.len() != sections.imports.len() {
                return Err(missing());
            }
            for (source, ty) in sources.iter().zip(&sections.imports) {
                match source {
                    Source::Host(..) => spaces.functions.imported.push(hosts.next().ok_or_else(missing)?),
                    Source::Of(of, name) => {
                        let exports = &self.units.get(*of).ok_or_else(missing)?.exports;
                        let &(kind, index) = exports.get(&**name).ok_or_else(missing)?;
                        let index = self.renumber.spaces[*of].space(kind).of(index)?;
                        let wanted = kind_of(ty);
                        if wanted != plain(kind) {
                            return Err(missing());
                        }
                        spaces.space_mut(wanted).imported.push(index);
                    }
                }
            }
            self.renumber.spaces[unit] = spaces;
        }
        for (what, count, most) in next.counts() {
            bound(what, count, most)?;
        }
        Ok(())
    }

    fn tables(&mut self) -> Result<TableSection, Problem> {
        let mut written = TableSection::new();
        for unit in 0..self.units.len() {
            self.renumber.unit = unit;
            for table in self.units[unit].tables.clone().into_iter().flatten() {
                self.renumber.parse_table(&mut written, table?)?;
            }
        }
        Ok(written)
    }

    fn memories(&mut self) -> Result<MemorySection, Problem> {
        let mut written = MemorySection::new();
        for sections in &self.units {
            for memory in sections.memories.clone().into_iter().flatten() {
                written.memory(self.renumber.memory_type(memory?)?);
            }
        }
        Ok(written)
    }

    fn tags(&mut self) -> Result<TagSection, Problem> {
        let mut written = TagSection::new();
        for unit in 0..self.units.len() {
            self.renumber.unit = unit;
            if let Some(tags) = self.units[unit].tags.clone() {
                self.renumber.parse_tag_section(&mut written, tags)?;
            }
        }
        Ok(written)
    }

    /// Globals, with their values as later ones ask for them.
    fn globals(&mut self) -> Result<GlobalSection, Problem> {
        let mut written = GlobalSection::new();
        for unit in 0..self.units.len() {
            self.renumber.unit = unit;
            for global in self.units[unit].globals.clone().into_iter().flatten() {
                let global = global?;
                let value = constant::value(&mut self.renumber, &global.init_expr)?;
                written.global(self.renumber.global_type(global.ty)?, &value.expr());
                let is_known = !global.ty.mutable && !matches!(value, Value::Made(_));
                self.renumber.values.push(is_known.then_some(value));
            }
        }
        Ok(written)
    }

    fn exports(&mut self) -> Result<ExportSection, Problem> {
        let mut written = ExportSection::new();
        for export in &self.plan.exports {
            let missing = || Problem::Dangling("an export");
            let sections = self.units.get(export.unit).ok_or_else(missing)?;
            let &(kind, index) = sections.exports.get(&*export.own).ok_or_else(missing)?;
            let index = self.renumber.spaces[export.unit].space(kind).of(index)?;
            written.export(&export.name, self.renumber.export_kind(kind)?, index);
        }
        self.export_memories(&mut written)?;
        Ok(written)
    }

    /// Exports the memories that host functions work on: that of the program by the name by which they know
    /// it, others by one of our own.
    fn export_memories(&mut self, written: &mut ExportSection) -> Result<(), Problem> {
        let named = |name: &str| self.plan.exports.iter().find(|export| &*export.name == name);
        let usual = match named("memory") {
            Some(export) => self.memory(export.unit, &export.own),
            None => {
                let usual = self.renumber.spaces[self.plan.main].memories.of(0).ok();
                let usual = usual.or_else(|| self.memories_worked_on().next());
                if let Some(memory) = usual {
                    written.export("memory", ExportKind::Memory, memory);
                }
                usual
            }
        };
        let others: BTreeSet<u32> =
            self.memories_worked_on().filter(|memory| Some(*memory) != usual).collect();
        for &memory in &others {
            written.export(&of_memory(memory), ExportKind::Memory, memory);
        }
        for number in 0..self.imports.len() {
            let memory = self.worked_on[number].and_then(|(unit, name)| self.memory(*unit, name));
            let memory = memory.filter(|memory| others.contains(memory));
            self.imports[number].memory = memory.map(|memory| of_memory(memory).into());
        }
        Ok(())
    }

    fn memories_worked_on(&self) -> impl Iterator<Item = u32> + '_ {
        self.worked_on.iter().flatten().filter_map(|(unit, name)| self.memory(*unit, name))
    }

    /// The number of a memory that an instance exports.
    fn memory(&self, unit: usize, name: &str) -> Option<u32> {
        match self.units.get(unit)?.exports.get(name)? {
            &(ExternalKind::Memory, index) => self.renumber.spaces[unit].memories.of(index).ok(),
            _ => None,
        }
    }

    fn code(&mut self) -> Result<CodeSection, Problem> {
        let mut written = CodeSection::new();
        for (unit, sections) in self.units.iter().enumerate() {
            self.renumber.unit = unit;
            for body in &sections.bodies {
                let origin = body.range().start as u32;
                self.origins.push(Origin { module: Some(self.plan.units[unit].module as u32), body: origin });
                self.renumber.parse_function_body(&mut written, body.clone())?;
            }
        }
        Ok(written)
    }

    fn elements(&mut self) -> Result<ElementSection, Problem> {
        let mut written = ElementSection::new();
        for unit in 0..self.units.len() {
            self.renumber.unit = unit;
            for element in self.units[unit].elements.clone().into_iter().flatten() {
                self.begins[unit].element(&mut self.renumber, &mut written, element?)?;
            }
        }
        Ok(written)
    }

    fn data(&mut self) -> Result<DataSection, Problem> {
        let mut written = DataSection::new();
        for unit in 0..self.units.len() {
            self.renumber.unit = unit;
            for data in self.units[unit].data.clone().into_iter().flatten() {
                self.begins[unit].data(&mut self.renumber, &mut written, data?)?;
            }
        }
        Ok(written)
    }

    /// The start function: that of an instance, or one that does what is left of all of them.
    fn start(
        &mut self,
        functions: &mut FunctionSection,
        code: &mut CodeSection,
    ) -> Result<Option<u32>, Problem> {
        let mut steps = Vec::new();
        let mut calls = Vec::new();
        for (unit, begin) in std::mem::take(&mut self.begins).into_iter().enumerate() {
            steps.extend(begin.steps);
            if let Some(start) = self.units[unit].start {
                let start = self.renumber.spaces[unit].functions.of(start)?;
                steps.push(wasm_encoder::Instruction::Call(start));
                calls.push(start);
            }
        }
        if let ([only], [_]) = (&calls[..], &steps[..]) {
            return Ok(Some(*only));
        }
        if steps.is_empty() {
            return Ok(None);
        }
        let ty = self.func_type(FuncType::new([], []));
        functions.function(ty);
        let mut body = wasm_encoder::Function::new([]);
        for step in &steps {
            body.instruction(step);
        }
        code.function(body.instruction(&wasm_encoder::Instruction::End));
        self.origins.push(Origin { module: None, body: 0 });
        Ok(Some((self.imports.len() + self.origins.len() - 1) as u32))
    }

    /// The names of the defined functions.
    fn names(&self) -> Result<NameSection, Problem> {
        let mut names = BTreeMap::new();
        for (unit, sections) in self.units.iter().enumerate() {
            let functions = &self.renumber.spaces[unit].functions;
            let mut add = |index: u32, name| {
                if index as usize >= functions.imported.len()
                    && let Ok(index) = functions.of(index)
                {
                    names.insert(index, name);
                }
            };
            for (name, (kind, index)) in &sections.exports {
                if plain(*kind) == ExternalKind::Func {
                    add(*index, *name);
                }
            }
            // What is malformed there ends the names, and not the module.
            for part in sections.names.clone().into_iter().flatten().map_while(Result::ok) {
                if let Name::Function(map) = part {
                    map.into_iter().map_while(Result::ok).for_each(|naming| add(naming.index, naming.name));
                }
            }
        }
        if self.origins.last().is_some_and(|origin| origin.module.is_none()) {
            names.insert((self.imports.len() + self.origins.len() - 1) as u32, BEGIN);
        }
        let mut map = NameMap::new();
        for (index, name) in names {
            map.append(index, name);
        }
        let mut section = NameSection::new();
        section.functions(&map);
        Ok(section)
    }
}

/// The name of a memory that host functions work on beside the program's.
fn of_memory(memory: u32) -> String {
    format!("memory of the component #{memory}")
}

/// Refuses what no engine takes.
fn bound(what: &'static str, count: u32, most: u32) -> Result<(), Problem> {
    if count > most { Err(Problem::TooManyOf(what)) } else { Ok(()) }
}

/// The kind without what is said of how exactly a type is.
fn plain(kind: ExternalKind) -> ExternalKind {
    if kind == ExternalKind::FuncExact { ExternalKind::Func } else { kind }
}

fn kind_of(ty: &TypeRef) -> ExternalKind {
    match ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => ExternalKind::Func,
        TypeRef::Table(_) => ExternalKind::Table,
        TypeRef::Memory(_) => ExternalKind::Memory,
        TypeRef::Global(_) => ExternalKind::Global,
        TypeRef::Tag(_) => ExternalKind::Tag,
    }
}

#[cfg(test)]
mod tests;
