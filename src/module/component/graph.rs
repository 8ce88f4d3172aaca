//! The instances of a component: its definitions carried out in their order, those of components in it too.
//!
//! Each definition names earlier ones only, so there are no circles. A component that is instantiated twice
//! is carried out twice, which a budget bounds.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use wasmparser::{
    CanonicalFunction, CanonicalOption, Chunk, ComponentAlias, ComponentExternName, ComponentExternalKind,
    ComponentInstance, ComponentOuterAliasKind, ExternalKind, Parser, Payload,
};

use super::{
    item::{
        CoreExport, CoreFunc, CoreInstance, CoreItem, Definition, Exports, Func, HostName, Instance, Item,
        Outer, Resource,
    },
    limits::{BYTES_OF_STEP, MAX_DEPTH, MAX_STEPS},
    problem::Problem,
};

/// The interface of what a world imports outside of any.
const ROOT: &str = "$root";

/// Which of [`Scope::core_others`] has memories.
const MEMORIES: usize = 1;

/// All modules and instances of a component.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    bytes: &'a [u8],
    /// Where the modules lie in the file.
    pub(super) modules: Vec<std::ops::Range<usize>>,
    /// Their numbers by where they begin.
    numbers: HashMap<usize, usize>,
    /// Instances of modules in the order in which they are made.
    pub(super) core: Vec<CoreInstance>,
    /// Names of what the component imports.
    pub(super) imports: Vec<Rc<str>>,
    steps: u64,
}

/// What a component is given.
enum Given {
    /// All that it asks for, by the host.
    World,
    These(Exports),
}

/// The index spaces of a component.
#[derive(Default)]
struct Scope {
    /// What those within it can name.
    named: Outer,
    core_instances: Vec<usize>,
    core_funcs: Vec<CoreFunc>,
    /// Tables, memories, globals and tags.
    core_others: [Vec<CoreExport>; 4],
    funcs: Vec<Func>,
    instances: Vec<Rc<Instance>>,
    exports: Exports,
}

/// The item at an index.
fn at<'v, T>(items: &'v [T], index: u32, what: &'static str) -> Result<&'v T, Problem> {
    items.get(index as usize).ok_or(Problem::Dangling(what))
}

/// Which of [`Scope::core_others`] has items of this kind.
fn other(kind: ExternalKind) -> Option<usize> {
    match kind {
        ExternalKind::Table => Some(0),
        ExternalKind::Memory => Some(MEMORIES),
        ExternalKind::Global => Some(2),
        ExternalKind::Tag => Some(3),
        ExternalKind::Func | ExternalKind::FuncExact => None,
    }
}

/// What the host has under a name.
fn of_host(interface: &Rc<str>, name: Rc<str>, kind: ComponentExternalKind) -> Item {
    let host = || Rc::new(HostName { interface: Rc::clone(interface), name: Rc::clone(&name) });
    match kind {
        ComponentExternalKind::Func => Item::Func(Func::Host(host())),
        ComponentExternalKind::Instance => Item::Instance(Rc::new(Instance::Host(name))),
        ComponentExternalKind::Type => Item::Type(Some(host())),
        ComponentExternalKind::Module => Item::Module(None),
        ComponentExternalKind::Component => Item::Component(None),
        ComponentExternalKind::Value => Item::Value,
    }
}

/// The interface that a name stands for.
fn interface(name: &ComponentExternName<'_>) -> Rc<str> {
    name.full_implements().unwrap_or_else(|| name.full_name()).as_ref().into()
}

impl<'a> Graph<'a> {
    /// Carries out the definitions of a component file; returns what it exports, too.
    pub(super) fn of(bytes: &'a [u8]) -> Result<(Self, Exports), Problem> {
        let (modules, core, imports) = (Vec::new(), Vec::new(), Vec::new());
        let mut graph = Self { bytes, modules, numbers: HashMap::new(), core, imports, steps: 0 };
        let all = Definition { bytes: 0..bytes.len(), outer: None };
        let exports = graph.instantiate(&all, &Given::World, 0)?;
        Ok((graph, exports))
    }

    /// Takes from the budget.
    fn step(&mut self, count: usize) -> Result<(), Problem> {
        self.steps = self.steps.saturating_add(count as u64 + 1);
        if self.steps > MAX_STEPS { Err(Problem::TooMany) } else { Ok(()) }
    }

    fn instantiate(
        &mut self,
        definition: &Definition,
        given: &Given,
        depth: u32,
    ) -> Result<Exports, Problem> {
        if depth >= MAX_DEPTH {
            return Err(Problem::TooDeep);
        }
        if depth > 0 {
            self.step(definition.bytes.len() / BYTES_OF_STEP)?;
        }
        let file = self.bytes;
        let range = definition.bytes.clone();
        let mut parser = Parser::new(range.start as u64);
        parser.set_features(wasmparser::WasmFeatures::all());
        let mut data = file.get(range).unwrap_or_default();
        let mut scope = Scope::default();
        scope.named.outer.clone_from(&definition.outer);
        while let Chunk::Parsed { consumed, payload } = parser.parse(data, true)? {
            data = data.get(consumed..).unwrap_or_default();
            match payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    let range = unchecked_range.start as usize..unchecked_range.end as usize;
                    data = data.get(range.len()..).unwrap_or_default();
                    self.step(1)?;
                    let number = self.module(range);
                    scope.named.modules.push(Some(number));
                }
                Payload::ComponentSection { unchecked_range, .. } => {
                    let bytes = unchecked_range.start as usize..unchecked_range.end as usize;
                    data = data.get(bytes.len()..).unwrap_or_default();
                    let named = &scope.named;
                    self.step(named.modules.len() + named.components.len() + named.types.len())?;
                    let outer = Some(Rc::new(named.clone()));
                    scope.named.components.push(Some(Rc::new(Definition { bytes, outer })));
                }
                Payload::End(_) => break,
                payload => self.section(&mut scope, payload, given, depth)?,
            }
        }
        Ok(scope.exports)
    }

    /// The number of the module at this place, which may be instantiated through several components.
    fn module(&mut self, range: std::ops::Range<usize>) -> usize {
        *self.numbers.entry(range.start).or_insert_with(|| {
            self.modules.push(range);
            self.modules.len() - 1
        })
    }

    fn section(
        &mut self,
        scope: &mut Scope,
        payload: Payload<'a>,
        given: &Given,
        depth: u32,
    ) -> Result<(), Problem> {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    self.core_instance(scope, instance?)?;
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    self.instance(scope, instance?, depth)?;
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.step(1)?;
                    self.alias(scope, alias?)?;
                }
            }
            Payload::ComponentTypeSection(types) => {
                for ty in types {
                    ty?;
                    self.step(1)?;
                    scope.named.types.push(None);
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    self.step(1)?;
                    canonical(scope, &function?)?;
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let import = import?;
                    self.step(1)?;
                    let name: Rc<str> = import.name.full_name().as_ref().into();
                    let item = match given {
                        Given::These(items) => items.get(&name).cloned(),
                        Given::World => None,
                    };
                    if depth == 0 {
                        self.imports.push(Rc::clone(&name));
                    }
                    let host = || of_host(&ROOT.into(), interface(&import.name), import.ty.kind());
                    scope.push(item.unwrap_or_else(host));
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.step(1)?;
                    let item = scope.item(export.kind, export.index)?;
                    scope.push(item.clone());
                    scope.exports.insert(export.name.full_name().as_ref().into(), item);
                }
            }
            // Core types are named by other types only, and custom sections by nobody. What a start function
            // gives are values.
            _ => {}
        }
        Ok(())
    }

    fn core_instance(
        &mut self,
        scope: &mut Scope,
        instance: wasmparser::Instance<'_>,
    ) -> Result<(), Problem> {
        let made = match instance {
            wasmparser::Instance::Instantiate { module_index, args } => {
                self.step(args.len())?;
                let module = *at(&scope.named.modules, module_index, "a module")?;
                let arg = |arg: &wasmparser::InstantiationArg<'_>| {
                    Ok((arg.name.into(), *at(&scope.core_instances, arg.index, "an instance of a module")?))
                };
                let args = args.iter().map(arg).collect::<Result<_, Problem>>()?;
                CoreInstance::Module { module, args }
            }
            wasmparser::Instance::FromExports(exports) => {
                self.step(exports.len())?;
                let mut items = BTreeMap::new();
                for export in &exports {
                    let item = match other(export.kind) {
                        None => {
                            CoreItem::Func(at(&scope.core_funcs, export.index, "a core function")?.clone())
                        }
                        Some(kind) => CoreItem::Other(
                            at(&scope.core_others[kind], export.index, "a core item")?.clone(),
                        ),
                    };
                    items.insert(export.name.into(), item);
                }
                CoreInstance::Exports(items)
            }
        };
        scope.core_instances.push(self.core.len());
        self.core.push(made);
        Ok(())
    }

    fn instance(
        &mut self,
        scope: &mut Scope,
        instance: ComponentInstance<'_>,
        depth: u32,
    ) -> Result<(), Problem> {
        let made = match instance {
            ComponentInstance::Instantiate { component_index, args } => {
                self.step(args.len())?;
                let component = at(&scope.named.components, component_index, "a component")?.clone();
                let mut items = Exports::new();
                for arg in &args {
                    items.insert(arg.name.into(), scope.item(arg.kind, arg.index)?);
                }
                match component {
                    Some(definition) => {
                        Instance::new(self.instantiate(&definition, &Given::These(items), depth + 1)?)?
                    }
                    None => Instance::Host(ROOT.into()),
                }
            }
            ComponentInstance::FromExports(exports) => {
                self.step(exports.len())?;
                let mut items = Exports::new();
                for export in &exports {
                    let name = export.name.full_name().as_ref().into();
                    items.insert(name, scope.item(export.kind, export.index)?);
                }
                Instance::new(items)?
            }
        };
        scope.instances.push(Rc::new(made));
        Ok(())
    }

    fn alias(&mut self, scope: &mut Scope, alias: ComponentAlias<'_>) -> Result<(), Problem> {
        match alias {
            ComponentAlias::InstanceExport { kind, instance_index, name } => {
                let item = match &**at(&scope.instances, instance_index, "an instance")? {
                    Instance::Host(interface) => of_host(interface, name.into(), kind),
                    Instance::Exports(items, _) => {
                        items.get(name).cloned().ok_or(Problem::Dangling("an export"))?
                    }
                };
                scope.push(item);
            }
            ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                let instance = *at(&scope.core_instances, instance_index, "an instance of a module")?;
                scope.push_core(kind, self.export(instance, &name.into()));
            }
            ComponentAlias::Outer { kind, count, index } => scope.outer_alias(kind, count, index)?,
        }
        Ok(())
    }

    /// What an instance exports under a name. That a module has it, is asked where it matters.
    pub(super) fn export(&self, instance: usize, name: &Rc<str>) -> CoreItem {
        let passed_on = match self.core.get(instance) {
            Some(CoreInstance::Exports(items)) => items.get(name),
            _ => None,
        };
        passed_on.cloned().unwrap_or_else(|| CoreItem::Other(CoreExport { instance, name: Rc::clone(name) }))
    }
}

impl Scope {
    fn push(&mut self, item: Item) {
        match item {
            Item::Func(func) => self.funcs.push(func),
            Item::Instance(instance) => self.instances.push(instance),
            Item::Module(module) => self.named.modules.push(module),
            Item::Component(component) => self.named.components.push(component),
            Item::Type(resource) => self.named.types.push(resource),
            Item::Value => {}
        }
    }

    fn push_core(&mut self, kind: ExternalKind, item: CoreItem) {
        match (other(kind), item) {
            (None, CoreItem::Func(func)) => self.core_funcs.push(func),
            (None, CoreItem::Other(export)) => self.core_funcs.push(CoreFunc::Export(export)),
            (Some(kind), CoreItem::Other(export)) => self.core_others[kind].push(export),
            // A function in place of something else: no valid component has that.
            (Some(kind), CoreItem::Func(_)) => {
                self.core_others[kind].push(CoreExport { instance: usize::MAX, name: "".into() });
            }
        }
    }

    fn item(&self, kind: ComponentExternalKind, index: u32) -> Result<Item, Problem> {
        Ok(match kind {
            ComponentExternalKind::Func => Item::Func(at(&self.funcs, index, "a function")?.clone()),
            ComponentExternalKind::Instance => {
                Item::Instance(Rc::clone(at(&self.instances, index, "an instance")?))
            }
            ComponentExternalKind::Module => Item::Module(*at(&self.named.modules, index, "a module")?),
            ComponentExternalKind::Component => {
                Item::Component(at(&self.named.components, index, "a component")?.clone())
            }
            ComponentExternalKind::Type => Item::Type(at(&self.named.types, index, "a type")?.clone()),
            ComponentExternalKind::Value => Item::Value,
        })
    }

    /// Takes over what a component around this one has; 0 is this one.
    fn outer_alias(&mut self, kind: ComponentOuterAliasKind, count: u32, index: u32) -> Result<(), Problem> {
        let missing = || Problem::Dangling("something of a component around it");
        let mut scope = &self.named;
        // There are no more of them than components can be deep.
        for _ in 0..count.min(MAX_DEPTH) {
            scope = scope.outer.as_deref().ok_or_else(missing)?;
        }
        match kind {
            ComponentOuterAliasKind::CoreModule => {
                let module = *at(&scope.modules, index, "a module")?;
                self.named.modules.push(module);
            }
            ComponentOuterAliasKind::Component => {
                let component = at(&scope.components, index, "a component")?.clone();
                self.named.components.push(component);
            }
            ComponentOuterAliasKind::Type => {
                let resource: Resource = at(&scope.types, index, "a type")?.clone();
                self.named.types.push(resource);
            }
            ComponentOuterAliasKind::CoreType => {}
        }
        Ok(())
    }
}

/// Defines what a canonical function makes.
fn canonical(scope: &mut Scope, function: &CanonicalFunction) -> Result<(), Problem> {
    let made = match function {
        CanonicalFunction::Lift { core_func_index, .. } => {
            let func = at(&scope.core_funcs, *core_func_index, "a core function")?.clone();
            scope.funcs.push(Func::Lifted(func));
            return Ok(());
        }
        CanonicalFunction::Lower { func_index, options } => {
            let func = at(&scope.funcs, *func_index, "a function")?;
            let (mut memory, mut realloc) = (None, None);
            for option in options {
                match option {
                    CanonicalOption::Realloc(index) => {
                        realloc = Some(at(&scope.core_funcs, *index, "a core function")?);
                    }
                    CanonicalOption::Memory(index) => {
                        memory = scope.core_others[MEMORIES].get(*index as usize).cloned();
                    }
                    _ => {}
                }
            }
            CoreFunc::lowered(func, memory, realloc)
        }
        CanonicalFunction::ResourceDrop { resource } => {
            CoreFunc::Drop(at(&scope.named.types, *resource, "a type")?.clone())
        }
        CanonicalFunction::ResourceNew { .. } => CoreFunc::Builtin("resource.new"),
        CanonicalFunction::ResourceRep { .. } => CoreFunc::Builtin("resource.rep"),
        CanonicalFunction::TaskReturn { .. } => CoreFunc::Builtin("task.return"),
        CanonicalFunction::ContextGet { .. } => CoreFunc::Builtin("context.get"),
        CanonicalFunction::ContextSet { .. } => CoreFunc::Builtin("context.set"),
        CanonicalFunction::ThreadSpawnRef { .. } | CanonicalFunction::ThreadSpawnIndirect { .. } => {
            CoreFunc::Builtin("thread.spawn")
        }
        CanonicalFunction::ThreadAvailableParallelism => CoreFunc::Builtin("thread.available-parallelism"),
        _ => CoreFunc::Builtin("async"),
    };
    scope.core_funcs.push(made);
    Ok(())
}
