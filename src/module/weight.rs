//! The cost of validation and translation of function bodies, counted before either is begun.
//!
//! Both take as many steps as an operator takes and leaves values. One branch of two bytes to a label of a
//! thousand values is a thousand steps, and in the engine's code a thousand copies. So a file of a megabyte
//! can ask for hours and gigabytes. Here each body is read once, without types of operands, and the steps are
//! added up. A function of too many is *heavy*: nobody validates it, and the engine stops when it is called.
//! No compiler writes one, for no browser would run it.
//!
//! An exception asks each `catch` on its way, and nothing stops between a `throw` and its handler: no place
//! could be named. So the checks on the longest way out of a function are counted too.
//!
//! Constant expressions are counted too: the engine evaluates them, and lets go of them, on the native stack,
//! an operator within another, so a long one would end the process.
//!
//! Counts and not a clock, so that a sample is the same sample on each machine.
//!
//! Not here: whether a body is valid.

use wasmparser::{
    BinaryReader, BlockType, Catch, CompositeInnerType, ConstExpr, DataKind, ElementItems, ElementKind,
    FunctionBody, Operator, Parser, Payload, TableInit, TypeRef, ValidPayload, Validator, WasmFeatures,
};

use super::{
    FuncIndex,
    component::{Component, Core},
    features::component_features,
    limits::{
        MAX_CHECKS, MAX_CONSTANT, MAX_FUNCTION, MAX_MODULE, MAX_MODULE_PER_BYTE, MAX_TABLE, OF_OTHER_TYPES,
    },
};

/// Steps of a construct besides its values: what a control frame takes.
const FRAME: u64 = 4;
/// Steps of a label in a table besides its values.
const LABEL: u64 = 4;
/// Steps of what makes an object besides its values: it is written as so many operators.
const OBJECT: u64 = 16;
/// The functions of a module that are too heavy to be validated and translated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heavy {
    /// By index, ascending, each with its steps.
    functions: Vec<(FuncIndex, u64)>,
    /// Operators of the longest constant expression.
    constant: u64,
}

impl Heavy {
    /// As [`Self::of_core`], of a sample whose core module is not known.
    pub(crate) fn of(wasm: &[u8]) -> Self {
        let component = Component::read(wasm).and_then(Result::ok);
        Self::of_core(Core::of(wasm, component.as_ref()))
    }

    /// Counts. A malformed part ends the count where it ends validation, too.
    pub(crate) fn of_core(core: Core<'_>) -> Self {
        // A component without a program, which the engine does not run.
        if Parser::is_component(core.bytes) {
            return Self::default();
        }
        let mut shapes = Shapes::default();
        let bodies = shapes.read(core).unwrap_or_default();
        let widest = shapes.widest();
        let len = |body: &FunctionBody<'_>| body.range().end - body.range().start;
        let most = |body: &FunctionBody<'_>| len(body).saturating_mul(2 * widest + LABEL);
        let code = bodies.iter().map(len).sum::<u64>();
        let limit = MAX_MODULE.saturating_add(code.saturating_mul(MAX_MODULE_PER_BYTE));
        // Most modules are light whatever their code says.
        let bound = bodies.iter().map(most).fold(0, u64::saturating_add);
        let is_light =
            |body: &FunctionBody<'_>| most(body) <= MAX_FUNCTION && len(body) <= u64::from(MAX_TABLE);
        let constant = shapes.constant;
        if bound <= limit && shapes.tags.is_empty() && bodies.iter().all(is_light) {
            return Self { constant, ..Self::default() };
        }
        let weigh = |(position, body): (usize, &FunctionBody<'_>)| {
            let steps = shapes.weigh(position, body);
            (FuncIndex((shapes.imported + position) as u32), steps)
        };
        Self { constant, ..Self::above(bodies.iter().enumerate().map(weigh).collect(), limit) }
    }

    /// Those above the limit of a function, and of the others the heaviest until the rest is below `limit`.
    fn above(mut weights: Vec<(FuncIndex, u64)>, limit: u64) -> Self {
        weights.sort_unstable_by_key(|&(func, steps)| (std::cmp::Reverse(steps), func));
        let mut rest = weights.iter().fold(0u64, |sum, (_, steps)| sum.saturating_add(*steps));
        let light = weights.iter().position(|&(_, steps)| {
            let fits = steps <= MAX_FUNCTION && rest <= limit;
            rest = rest.saturating_sub(steps);
            fits
        });
        weights.truncate(light.unwrap_or(weights.len()));
        weights.sort_unstable();
        Self { functions: weights, constant: 0 }
    }

    /// The operators of a constant expression of more than the engine can evaluate, and how many it can.
    pub(crate) fn refused(&self) -> Option<(u64, u64)> {
        (self.constant > MAX_CONSTANT).then_some((self.constant, MAX_CONSTANT))
    }

    /// By index, ascending, each with its steps.
    pub(crate) fn functions(&self) -> &[(FuncIndex, u64)] {
        &self.functions
    }

    pub(crate) fn has(&self, func: u32) -> bool {
        self.functions.binary_search_by_key(&func, |(func, _)| func.0).is_ok()
    }

    /// Validates all of `wasm` but the bodies of heavy functions, and of a component's modules those that do
    /// not run. `core` is its core module: to find it in a component takes time.
    pub(crate) fn validate_around(
        &self,
        core: Core<'_>,
        wasm: &[u8],
        features: WasmFeatures,
    ) -> wasmparser::Result<()> {
        Self::validate_bodies(core, wasm, features, |func| !self.has(func))
    }

    /// Validates what [`Self::validate_around`] leaves out.
    pub(crate) fn validate_heavy(
        &self,
        core: Core<'_>,
        wasm: &[u8],
        features: WasmFeatures,
    ) -> wasmparser::Result<()> {
        match self.functions.is_empty() {
            true => Ok(()),
            false => Self::validate_bodies(core, wasm, features, |func| self.has(func)),
        }
    }

    /// Validates `wasm`, and of the bodies of its core module those that are wanted. A core module behind it
    /// was put together of several: it is validated as well.
    fn validate_bodies(
        core: Core<'_>,
        wasm: &[u8],
        features: WasmFeatures,
        is_wanted: impl Fn(u32) -> bool,
    ) -> wasmparser::Result<()> {
        let file = Core { bytes: wasm, offset: 0 };
        let runs = core.offset..core.offset.saturating_add(core.bytes.len() as u64);
        let of_component = match Parser::is_component(wasm) {
            true => features | component_features(),
            false => features,
        };
        Self::validate_part(file, of_component, |func, at| runs.contains(&at) && is_wanted(func))?;
        match runs.start >= wasm.len() as u64 {
            true => Self::validate_part(core, features, |func, _| is_wanted(func)),
            false => Ok(()),
        }
    }

    /// Validates a part of the image, and of its bodies those that are wanted, by index and place.
    fn validate_part(
        part: Core<'_>,
        features: WasmFeatures,
        is_wanted: impl Fn(u32, u64) -> bool,
    ) -> wasmparser::Result<()> {
        let mut validator = Validator::new_with_features(features);
        let mut parser = Parser::new(part.offset);
        parser.set_features(features);
        let mut functions = Vec::new();
        for payload in parser.parse_all(part.bytes) {
            if let ValidPayload::Func(function, body) = validator.payload(&payload?)?
                && is_wanted(function.index, body.range().start)
            {
                functions.push((function, body));
            }
        }
        let mut allocations = Default::default();
        for (function, body) in functions {
            let mut validator = function.into_validator(allocations);
            validator.validate(&body)?;
            allocations = validator.into_allocations();
        }
        Ok(())
    }
}

/// How many values something takes and leaves.
#[derive(Debug, Clone, Copy, Default)]
struct Shape {
    takes: u64,
    leaves: u64,
}

impl Shape {
    fn sum(self) -> u64 {
        self.takes + self.leaves
    }
}

/// The shapes of all types, functions and tags.
#[derive(Debug, Default)]
struct Shapes {
    types: Vec<Shape>,
    /// Types of functions, imported ones first.
    functions: Vec<u32>,
    imported: usize,
    tags: Vec<u32>,
    /// Types other than functions.
    has_others: bool,
    /// Operators of the longest constant expression.
    constant: u64,
}

impl Shapes {
    /// Reads the sections; returns the bodies that could be found.
    fn read<'a>(&mut self, core: Core<'a>) -> wasmparser::Result<Vec<FunctionBody<'a>>> {
        let mut bodies = Vec::new();
        let mut parser = Parser::new(core.offset);
        parser.set_features(WasmFeatures::all());
        for payload in parser.parse_all(core.bytes) {
            // Sections behind a broken place are not validated either.
            let Ok(payload) = payload else { break };
            match payload {
                Payload::CodeSectionEntry(body) => bodies.push(body),
                payload => {
                    if self.section(payload).is_err() {
                        break;
                    }
                }
            }
        }
        Ok(bodies)
    }

    fn import(&mut self, ty: TypeRef) {
        match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.functions.push(ty);
                self.imported = self.functions.len();
            }
            TypeRef::Tag(tag) => self.tags.push(tag.func_type_idx),
            _ => {}
        }
    }

    fn section(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    for ty in group?.into_types() {
                        self.ty(&ty.composite_type.inner);
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.import(import?.ty);
                }
            }
            Payload::FunctionSection(types) => {
                for ty in types {
                    self.functions.push(ty?);
                }
            }
            Payload::TagSection(tags) => {
                for tag in tags {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            payload => self.constants(payload)?,
        }
        Ok(())
    }

    /// Looks for the longest constant expression.
    fn constants(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::GlobalSection(globals) => {
                for global in globals {
                    self.constant(&global?.init_expr);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    if let TableInit::Expr(expression) = table?.init {
                        self.constant(&expression);
                    }
                }
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    let element = element?;
                    if let ElementKind::Active { offset_expr, .. } = element.kind {
                        self.constant(&offset_expr);
                    }
                    if let ElementItems::Expressions(_, items) = element.items {
                        for item in items {
                            self.constant(&item?);
                        }
                    }
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    if let DataKind::Active { offset_expr, .. } = segment?.kind {
                        self.constant(&offset_expr);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn constant(&mut self, expression: &ConstExpr<'_>) {
        let range = expression.get_binary_reader().range();
        // An operator takes a byte at least.
        if range.end - range.start > MAX_CONSTANT {
            let operators = expression.get_operators_reader().into_iter().take_while(Result::is_ok).count();
            self.constant = self.constant.max(operators as u64);
        }
    }

    fn ty(&mut self, ty: &CompositeInnerType) {
        let shape = match ty {
            CompositeInnerType::Func(ty) => {
                Shape { takes: ty.params().len() as u64, leaves: ty.results().len() as u64 }
            }
            CompositeInnerType::Struct(ty) => Shape { takes: ty.fields.len() as u64, leaves: 1 },
            // Of the type that it continues.
            CompositeInnerType::Cont(ty) => {
                ty.0.as_module_index().map(|index| self.of_type(index)).unwrap_or_default()
            }
            _ => Shape { takes: 1, leaves: 1 },
        };
        self.has_others |= !matches!(ty, CompositeInnerType::Func(_));
        self.types.push(shape);
    }

    /// The most values of any operator for each byte that it has.
    fn widest(&self) -> u64 {
        let widest = self.types.iter().map(|shape| shape.sum()).max().unwrap_or(0);
        if self.has_others { widest.max(OF_OTHER_TYPES) } else { widest }
    }

    fn of_type(&self, index: u32) -> Shape {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    fn of_function(&self, index: u32) -> Shape {
        self.functions.get(index as usize).map(|ty| self.of_type(*ty)).unwrap_or_default()
    }

    fn of_tag(&self, index: u32) -> Shape {
        self.tags.get(index as usize).map(|ty| self.of_type(*ty)).unwrap_or_default()
    }

    fn of_block(&self, ty: BlockType) -> Shape {
        match ty {
            BlockType::Empty => Shape::default(),
            BlockType::Type(_) => Shape { takes: 0, leaves: 1 },
            BlockType::FuncType(index) => self.of_type(index),
        }
    }

    /// The steps of the body of the defined function at `position`, or as many as were counted until they
    /// were too many.
    fn weigh(&self, position: usize, body: &FunctionBody<'_>) -> u64 {
        let shape = self.of_function((self.imported + position) as u32);
        let mut scale =
            Scale { shapes: self, steps: shape.sum(), labels: vec![Label::of(shape.leaves)], shape };
        // A body that cannot be read further is not validated further.
        _ = scale.read(body);
        scale.steps
    }
}

/// A construct.
#[derive(Debug, Clone, Copy, Default)]
struct Label {
    /// Values of a branch to it.
    values: u64,
    /// Checks of an exception that comes to it, if it is a `try`.
    own: u64,
    /// Those on the longest way out of what it holds.
    inner: u64,
}

impl Label {
    fn of(values: u64) -> Self {
        Self { values, ..Self::default() }
    }
}

/// Adds up the steps of one body.
struct Scale<'s> {
    shapes: &'s Shapes,
    steps: u64,
    /// Of each construct that encloses the operator.
    labels: Vec<Label>,
    /// Of the function.
    shape: Shape,
}

impl Scale<'_> {
    fn read(&mut self, body: &FunctionBody<'_>) -> wasmparser::Result<()> {
        self.steps += u64::from(body.get_locals_reader()?.get_count());
        let bytes: BinaryReader<'_> = body.get_binary_reader_for_operators()?;
        let mut reader = wasmparser::OperatorsReader::new(bytes);
        while !reader.eof() && self.steps <= MAX_FUNCTION {
            let steps = self.operator(&reader.read()?)?;
            self.steps = self.steps.saturating_add(1).saturating_add(steps);
        }
        Ok(())
    }

    fn label(&self, depth: u32) -> u64 {
        let position = self.labels.len().checked_sub(1 + depth as usize);
        position.and_then(|position| self.labels.get(position)).map_or(0, |label| label.values)
    }

    /// Opens a construct; its `end` and its `else` take and leave the same values once more.
    fn open(&mut self, shape: Shape, is_loop: bool) -> u64 {
        self.labels.push(Label::of(if is_loop { shape.takes } else { shape.leaves }));
        FRAME + 2 * shape.sum()
    }

    /// Closes a construct. A function whose exceptions have too long a way is heavy.
    fn close(&mut self) -> u64 {
        let label = self.labels.pop().unwrap_or_default();
        let checks = label.own + label.inner;
        if let Some(around) = self.labels.last_mut() {
            around.inner = around.inner.max(checks);
        }
        if checks > MAX_CHECKS { MAX_FUNCTION } else { label.values }
    }

    /// The innermost `try` asks so many times more.
    fn check(&mut self, checks: usize) {
        if let Some(label) = self.labels.last_mut() {
            label.own += checks as u64;
        }
    }

    /// The steps of an operator beyond the one that each has.
    fn operator(&mut self, operator: &Operator<'_>) -> wasmparser::Result<u64> {
        let shapes = self.shapes;
        Ok(match operator {
            Operator::Block { blockty } | Operator::If { blockty } => {
                self.open(shapes.of_block(*blockty), false)
            }
            Operator::Try { blockty } => {
                let steps = self.open(shapes.of_block(*blockty), false);
                self.check(1);
                steps
            }
            Operator::Loop { blockty } => self.open(shapes.of_block(*blockty), true),
            Operator::TryTable { try_table } => {
                let caught = try_table.catches.iter().map(|catch| self.catch(catch)).sum::<u64>();
                let steps = caught + self.open(shapes.of_block(try_table.ty), false);
                self.check(1 + try_table.catches.len());
                steps
            }
            Operator::Catch { tag_index } | Operator::Throw { tag_index } => {
                if matches!(operator, Operator::Catch { .. }) {
                    self.check(1);
                }
                shapes.of_tag(*tag_index).takes + self.label(0)
            }
            Operator::Else | Operator::CatchAll => 2 * self.label(0),
            Operator::End | Operator::Delegate { .. } => self.close(),
            Operator::Br { relative_depth }
            | Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => 2 * self.label(*relative_depth),
            Operator::BrTable { targets } if targets.len() > MAX_TABLE => MAX_FUNCTION,
            Operator::BrTable { targets } => {
                let mut steps = LABEL + 2 * self.label(targets.default());
                for target in targets.targets() {
                    steps = steps.saturating_add(LABEL + self.label(target?));
                }
                steps
            }
            Operator::Return => 2 * self.shape.leaves,
            Operator::Call { function_index } => shapes.of_function(*function_index).sum(),
            Operator::ReturnCall { function_index } => {
                shapes.of_function(*function_index).sum() + self.shape.leaves
            }
            Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
                shapes.of_type(*type_index).sum()
            }
            Operator::ReturnCallIndirect { type_index, .. } | Operator::ReturnCallRef { type_index } => {
                shapes.of_type(*type_index).sum() + self.shape.leaves
            }
            Operator::StructNew { struct_type_index } => OBJECT + shapes.of_type(*struct_type_index).takes,
            Operator::ArrayNewFixed { array_size, .. } => OBJECT + u64::from(*array_size),
            Operator::StructNewDefault { .. }
            | Operator::ArrayNew { .. }
            | Operator::ArrayNewDefault { .. }
            | Operator::ArrayNewData { .. }
            | Operator::ArrayNewElem { .. } => OBJECT,
            other => self.of_stacks(other),
        })
    }

    /// Operators on continuations.
    fn of_stacks(&self, operator: &Operator<'_>) -> u64 {
        let shapes = self.shapes;
        let labels = |table: &wasmparser::ResumeTable| {
            let handler = |handler: &wasmparser::Handle| match *handler {
                wasmparser::Handle::OnLabel { tag, label } => {
                    LABEL + shapes.of_tag(tag).sum() + self.label(label)
                }
                wasmparser::Handle::OnSwitch { tag } => LABEL + shapes.of_tag(tag).sum(),
            };
            table.handlers.iter().map(handler).sum::<u64>()
        };
        match operator {
            Operator::ContBind { argument_index, result_index } => {
                shapes.of_type(*argument_index).sum() + shapes.of_type(*result_index).sum()
            }
            Operator::Suspend { tag_index } => shapes.of_tag(*tag_index).sum(),
            Operator::Switch { cont_type_index, tag_index } => {
                2 * shapes.of_type(*cont_type_index).sum() + shapes.of_tag(*tag_index).sum()
            }
            Operator::Resume { cont_type_index, resume_table }
            | Operator::ResumeThrowRef { cont_type_index, resume_table } => {
                shapes.of_type(*cont_type_index).sum() + labels(resume_table)
            }
            Operator::ResumeThrow { cont_type_index, tag_index, resume_table } => {
                let values = shapes.of_type(*cont_type_index).sum() + shapes.of_tag(*tag_index).sum();
                values + labels(resume_table)
            }
            _ => 0,
        }
    }

    fn catch(&self, catch: &Catch) -> u64 {
        match *catch {
            Catch::One { tag, label } | Catch::OneRef { tag, label } => {
                LABEL + self.shapes.of_tag(tag).takes + self.label(label)
            }
            Catch::All { label } | Catch::AllRef { label } => LABEL + self.label(label),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module whose first function has this code, and its second a thousand parameters and results.
    fn module(code: &str) -> Vec<u8> {
        let values = "i32 ".repeat(1000);
        let text = format!(
            "(module (type $t (func (param {values}) (result {values})))
                (func {code}) (func $wide (type $t) (unreachable)) (table 1 funcref))"
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn heavy(wasm: &[u8]) -> Vec<u32> {
        Heavy::of(wasm).functions().iter().map(|(func, _)| func.0).collect()
    }

    #[test]
    fn operators_times_values_are_heavy() {
        let many = |part: &str, times: usize| part.repeat(times);
        let inside = |code: String| format!("unreachable block (type $t) {code} unreachable end unreachable");
        for code in [
            many("call $wide ", 5_000),
            many("(call_indirect (type $t) (i32.const 0)) ", 5_000),
            many("block (type $t) end ", 3_000),
            many("loop (type $t) end ", 3_000),
            many("if (type $t) else end ", 2_000),
            inside(many("(br_if 0 (i32.const 0)) ", 5_000)),
            inside(many("br 0 ", 5_000)),
            inside(format!("(br_table {} (i32.const 0))", many("0 ", 9_000))),
            format!("block (br_table {} (i32.const 0)) end", many("0 ", 65_522)),
        ] {
            let code = format!("unreachable {code} unreachable");
            assert_eq!(heavy(&module(&code)), [0], "{}", &code[..100]);
        }
    }

    #[test]
    fn exceptions_with_a_long_way_out_are_heavy() {
        let most = MAX_CHECKS as usize;
        let nested = |open: &str, times: usize, close: &str| {
            format!(
                "(module (tag $e) (tag $u) (func block {}{} end))",
                open.repeat(times),
                close.repeat(times)
            )
        };
        let handlers = |times: usize| nested("try ", 1, &format!("{} end", "catch $u ".repeat(times)));
        let clauses =
            |times: usize| nested(&format!("try_table {}", "(catch $u 0) ".repeat(times)), 1, "end ");
        for (text, is_heavy) in [
            (nested("try_table (catch $u 0) ", most / 2, "end "), false),
            (nested("try_table (catch $u 0) ", most / 2 + 1, "end "), true),
            (nested("try block ", most / 2, "end catch $u end "), false),
            (nested("try block ", most / 2 + 1, "end catch $u end "), true),
            (nested("try try ", most / 2 + 1, "delegate 0 delegate 0 "), true),
            (handlers(most - 1), false),
            (handlers(most), true),
            (clauses(most - 1), false),
            (clauses(most), true),
            (nested("", 1, &"try_table (catch $u 0) end ".repeat(most)), false),
        ] {
            let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(!heavy(&wasm).is_empty(), is_heavy, "{}", &text[..100]);
        }
    }

    #[test]
    fn what_compilers_write_is_light() {
        let code =
            "(drop (i32.add (i32.const 1) (i32.const 2))) (block (br_if 0 (i32.const 0)))".repeat(50_000);
        assert_eq!(heavy(&module(&code)), [0; 0]);
        // What makes an object is written as several operators.
        let objects = |count: usize| {
            let code = "(drop (struct.new_default 0))".repeat(count);
            heavy(&wat::parse_str(format!("(module (type (struct (field i32))) (func {code}))")).unwrap())
        };
        assert_eq!((objects(50_000), objects(600_000)), (Vec::new(), vec![0]));
        assert_eq!(Heavy::of(b""), Heavy::default());
        assert_eq!(Heavy::of(b"\0asm\x01\0\0\0\x01\xff"), Heavy::default());
    }

    #[test]
    fn long_constant_expressions_are_counted_wherever_they_stand() {
        let long = |times: usize| format!("i32.const 0 {}", "i32.const 0 i32.add ".repeat(times));
        for rest in [
            "(global i32 LONG)",
            "(table 1 funcref) (elem (offset LONG) func)",
            "(memory 1) (data (offset LONG) \"\")",
            "(table 9 (ref null i31) LONG ref.i31)",
            "(elem (ref null i31) (item LONG ref.i31))",
        ] {
            let count = |times: usize| {
                let text = format!("(module {})", rest.replace("LONG", &long(times)));
                let heavy = Heavy::of(&wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}")));
                (heavy.refused().is_some(), heavy.constant)
            };
            assert!(!count(MAX_CONSTANT as usize / 2 - 2).0, "{rest}");
            let (is_refused, operators) = count(2000);
            assert!(is_refused && (4001..4010).contains(&operators), "{rest}: {operators}");
        }
    }

    #[test]
    fn of_many_the_heaviest_are_left_out_until_the_rest_fits() {
        let weights =
            |count: u32| (0..count).map(|func| (FuncIndex(func), u64::from(func % 7) * 1000)).collect();
        let limit = 100_000;
        let heavy = Heavy::above(weights(100), limit);
        let has = |func: u32| heavy.has(func);
        let rest: u64 = (0..100).filter(|func| !has(*func)).map(|func| u64::from(func % 7) * 1000).sum();
        assert!(rest <= limit && rest > limit - 6000, "{rest}");
        assert!(heavy.functions().iter().all(|(_, steps)| *steps >= 3000));
        assert_eq!(Heavy::above(weights(10), limit), Heavy::default());
    }

    #[test]
    fn bodies_of_heavy_functions_are_validated_apart() {
        let code = format!(
            "(drop (f32.add (i32.const 1) (i32.const 2))) unreachable {}",
            "call $wide ".repeat(5_000)
        );
        let wasm = module(&code);
        let heavy = Heavy::of(&wasm);
        assert!(heavy.validate_around(Core::of(&wasm, None), &wasm, WasmFeatures::all()).is_ok());
        assert!(heavy.validate_heavy(Core::of(&wasm, None), &wasm, WasmFeatures::all()).is_err());
        assert!(Heavy::default().validate_around(Core::of(&wasm, None), &wasm, WasmFeatures::all()).is_err());
        assert!(Heavy::default().validate_heavy(Core::of(&wasm, None), &wasm, WasmFeatures::all()).is_ok());
        let light = module("(drop (f32.add (i32.const 1) (i32.const 2)))");
        assert!(
            Heavy::of(&light).validate_around(Core::of(&light, None), &light, WasmFeatures::all()).is_err()
        );
    }
}
