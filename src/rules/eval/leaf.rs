//! Features on instances: what is found, how often, where.

use std::collections::BTreeSet;

use crate::{
    module::{FuncIndex, Op, Opcode, Place, view},
    passes::{self, CallEdgeKind},
};

use super::{
    super::{
        derived::unhex,
        index::Index,
        metric::Subject,
        rule::{Characteristic, Crypto, Feature, FileFeature, Measure, Name, Pattern, ReturnedFeature},
    },
    Evaluator, Found, Instance, quoted,
    sequence::{numbers, show_call},
    shorten,
};
use crate::sandbox::{Arg, Pointed};

impl Evaluator<'_> {
    /// What a feature finds in `at`; nothing where it has no meaning.
    pub(super) fn feature(&self, feature: &Feature, at: &Instance) -> Option<Found> {
        let names = self.names_in(feature, at);
        if names > 0 && !(self.budget.spend_len(names) && self.may_search_names(feature)) {
            return None;
        }
        match feature {
            Feature::Api(name) => self.api(name, at),
            Feature::Import(name) => self.named(at, |view| {
                let hits = view.imports.iter().filter(|import| name.is(&import.module, &import.name));
                hits.map(|import| format!("{}.{}", import.module, import.name)).collect()
            }),
            Feature::Export(name) => self.named(at, |view| {
                view.exports
                    .iter()
                    .filter(|export| name.is("", &export.name))
                    .map(|export| export.name.clone())
                    .collect()
            }),
            Feature::Section(name) => self.named(at, |view| {
                view.sections
                    .iter()
                    .filter(|section| name.is("", &section.name))
                    .map(|section| section.name.clone())
                    .collect()
            }),
            Feature::Anomaly(kind) => self.named(at, |view| {
                view.anomalies
                    .iter()
                    .filter(|anomaly| anomaly.kind == *kind)
                    .map(|anomaly| anomaly.detail.clone())
                    .collect()
            }),
            Feature::FunctionName(name) => self.function_name(name, at),
            Feature::Number(number) => self.number(*number, at),
            Feature::Text(pattern) => self.text(pattern, at),
            Feature::Bytes(pattern) => self.bytes(pattern, at),
            Feature::Mnemonic(opcode) => self.mnemonic(*opcode, at),
            Feature::Characteristic(characteristic) => self.characteristic(*characteristic, at),
            Feature::BasicBlocks => self.basic_blocks(at),
            Feature::Match(target) => self.target(target, at),
            Feature::Target(kind, value) => self.system(kind, value),
            Feature::Metric(measure) => self.metric(measure, at),
            Feature::Sequence(sequence) => self.sequence(sequence, &self.calls(at)),
            Feature::Crypto(crypto) => self.crypto(crypto, at),
            Feature::Ioc { kind, value } => self.named(at, |view| {
                let fits = |ioc: &&view::Ioc| {
                    ioc.kind == *kind
                        && value.as_ref().is_none_or(|value| value.is_match(ioc.value.as_bytes()))
                };
                view.iocs.iter().filter(fits).map(|ioc| ioc.value.clone()).collect()
            }),
            Feature::File(file) => self.file(file, at),
            Feature::Returned(returned) => self.returned(returned, at),
        }
    }

    /// How many names of the file or functions the feature looks through in `at`.
    fn names_in(&self, feature: &Feature, at: &Instance) -> usize {
        let view = self.index.facts.view;
        if !matches!(at, Instance::File | Instance::RunFile | Instance::Run) {
            return 0;
        }
        match feature {
            Feature::Import(_) => view.imports.len(),
            Feature::Export(_) => view.exports.len(),
            Feature::Section(_) => view.sections.len(),
            Feature::Anomaly(_) => view.anomalies.len(),
            Feature::Ioc { .. } => view.iocs.len(),
            Feature::FunctionName(_) | Feature::Characteristic(_) => view.functions.len(),
            Feature::File(_) => self.index.run().map_or(0, |run| run.files.len()),
            _ => 0,
        }
    }

    /// Takes what a search of names costs beyond a look at each: a name may be as long as the file.
    fn may_search_names(&self, feature: &Feature) -> bool {
        let weight = feature.name_pattern().map_or(1, Pattern::weight);
        weight == 1 || self.budget.spend_search(self.index.facts.wasm.len(), weight)
    }

    /// Names of the file that fit.
    fn named(&self, at: &Instance, names: impl Fn(&view::View) -> Vec<String>) -> Option<Found> {
        if !matches!(at, Instance::File | Instance::RunFile) {
            return None;
        }
        let names = names(self.index.facts.view);
        let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
        Some(Found { count: names.len() as u64, what: Some(shorten(&shown.join(", "))), ..Found::default() })
    }

    fn api(&self, name: &Name, at: &Instance) -> Option<Found> {
        if let Instance::Function(func) = at {
            return self.static_api(name, *func);
        }
        if let Instance::RunFunction(func) = at {
            return self.run_api(name, *func);
        }
        let all = self.index.all_calls();
        let mut found = Found { dynamic: true, ..Found::default() };
        let candidates: Vec<usize> = match at {
            Instance::Run | Instance::RunFile => {
                self.index.calls_of(name).into_iter().map(|call| call as usize).collect()
            }
            _ => {
                let named =
                    |call: &usize| all.get(*call).is_some_and(|call| name.is(&call.module, &call.name));
                self.calls(at).into_iter().filter(named).collect()
            }
        };
        if !self.budget.spend_len(candidates.len()) {
            return None;
        }
        found.grounds = self.grounds(candidates.iter().filter_map(|call| all.get(*call)));
        for call in candidates {
            if found.count == 0 {
                found.what = all.get(call).map(|call| shorten(&show_call(call)));
            }
            found.at(self.index.call_site(call));
        }
        if matches!(at, Instance::Run | Instance::RunFile) {
            let counted = self.index.count_calls(|module, of| name.is(module, of));
            if found.count == 0 && counted > 0 {
                // Made when no more calls were kept; where is known all the same.
                found.what = Some(format!("{counted} calls"));
                found.places = self.index.sites_of(name).take(super::MAX_FOUND_PLACES).collect();
            }
            found.count = found.count.max(counted);
        }
        Some(found)
    }

    /// Direct calls of an import in the code of a function.
    fn static_api(&self, name: &Name, func: FuncIndex) -> Option<Found> {
        let function = self.index.defined(func)?;
        let mut found = Found::default();
        for callee in &function.callees {
            if let Some(import) =
                self.index.import(*callee).filter(|import| name.is(&import.module, &import.name))
            {
                found.what.get_or_insert_with(|| import.name.clone());
                found.at(Some(Place { function: func, offset: function.offset }));
            }
        }
        Some(found)
    }

    /// Calls of an import that a function made.
    fn run_api(&self, name: &Name, func: FuncIndex) -> Option<Found> {
        let mut found = Found { dynamic: true, ..Found::default() };
        for edge in self.index.edges_from(func) {
            if let Some(import) =
                self.index.import(edge.callee).filter(|import| name.is(&import.module, &import.name))
            {
                found.what.get_or_insert_with(|| import.name.clone());
                found.count = found.count.saturating_add(edge.count);
                let sites = edge.sites.iter().map(|offset| Place { function: func, offset: *offset });
                found.places.extend(sites.take(super::MAX_FOUND_PLACES.saturating_sub(found.places.len())));
            }
        }
        Some(found)
    }

    fn function_name(&self, name: &Name, at: &Instance) -> Option<Found> {
        let only = match at {
            Instance::Function(func) | Instance::RunFunction(func) => Some(*func),
            Instance::File | Instance::RunFile => None,
            _ => return None,
        };
        let mut found = Found { dynamic: matches!(at, Instance::RunFunction(_)), ..Found::default() };
        let functions = match only {
            Some(func) => self.index.defined(func).map(std::slice::from_ref).unwrap_or_default(),
            None => &self.index.facts.view.functions,
        };
        for function in functions {
            if let Some(own) = function.name.as_ref().filter(|own| name.is("", own)) {
                found.what.get_or_insert_with(|| shorten(own));
                found.at(Some(Place { function: function.index, offset: function.offset }));
            }
        }
        Some(found)
    }

    /// An immediate of a constant in code, or an argument of a host call.
    fn number(&self, number: i128, at: &Instance) -> Option<Found> {
        let is_it = |value| numbers(value).contains(&Some(number));
        if let Instance::Function(func) | Instance::Block(func, _) | Instance::Op(func, _) = at {
            let wasm = self.index.facts.wasm;
            return self.in_code(*func, at, |op| super::shape::constant(wasm, op).is_some_and(is_it));
        }
        let mut found = Found { dynamic: true, ..Found::default() };
        for call in self.calls(at) {
            let Some(of) = self.index.all_calls().get(call) else { continue };
            if of.args.iter().any(|arg| is_it(arg.value)) {
                found.what.get_or_insert_with(|| shorten(&show_call(of)));
                found.at(self.index.call_site(call));
            }
        }
        Some(found)
    }

    /// The instructions of an instance in the code of `func` that `fits` takes.
    fn in_code(&self, func: FuncIndex, at: &Instance, fits: impl Fn(Op) -> bool) -> Option<Found> {
        let ops = self.ops(at)?;
        let code = self.index.module()?.code(func).ok()?;
        if !self.budget.spend_len(ops.len()) {
            return None;
        }
        let mut found = Found::default();
        for op in code.ops().get(ops)?.iter().filter(|op| fits(**op)) {
            found.at(Some(Place { function: func, offset: op.offset }));
        }
        Some(found)
    }

    /// The instructions of an instance, as positions in the code of its function.
    fn ops(&self, at: &Instance) -> Option<std::ops::Range<usize>> {
        match at {
            Instance::Function(func) => Some(0..self.index.module()?.code(*func).ok()?.ops().len()),
            Instance::Block(func, block) => {
                Some(self.index.module()?.code(*func).ok()?.blocks().get(*block)?.range())
            }
            Instance::Op(_, op) => Some(*op..op + 1),
            _ => None,
        }
    }

    fn text(&self, pattern: &Pattern, at: &Instance) -> Option<Found> {
        let mut found = Found::default();
        for call in self.calls(at) {
            let Some(of) = self.index.all_calls().get(call) else { continue };
            if !self.budget.spend_search(Index::texts(of).map(str::len).sum(), pattern.weight()) {
                return None;
            }
            if let Some(text) = Index::texts(of).find(|text| pattern.is_match(text.as_bytes())) {
                found.what.get_or_insert_with(|| format!("{} given to {}", quoted(text), of.name));
                let grounds = self.grounds([of]);
                found.grounds = if found.count == 0 { grounds } else { found.grounds.or(grounds) };
                found.at(self.index.call_site(call));
                found.dynamic = true;
            }
        }
        if matches!(at, Instance::File | Instance::RunFile) {
            for text in &self.index.facts.view.strings {
                if !self.budget.spend_search(text.text.len(), pattern.weight()) {
                    return None;
                }
                if !pattern.is_match(text.text.as_bytes()) {
                    continue;
                }
                found.what.get_or_insert_with(|| format!("{} at {:#x}", quoted(&text.text), text.offset));
                found.at(None);
            }
        }
        Some(found)
    }

    fn bytes(&self, pattern: &Pattern, at: &Instance) -> Option<Found> {
        let mut found = Found::default();
        match at {
            Instance::File | Instance::RunFile => {
                if !self.budget.spend_search(self.index.facts.wasm.len(), pattern.weight()) {
                    return None;
                }
                for offset in pattern.find(self.index.facts.wasm) {
                    found.what.get_or_insert_with(|| format!("at {offset:#x}"));
                    found.count += 1;
                }
            }
            Instance::Function(func) => {
                let function = self.index.defined(*func)?;
                let body = self.index.body(function);
                if !self.budget.spend_search(body.len(), pattern.weight()) {
                    return None;
                }
                for offset in pattern.find(body) {
                    let offset = crate::module::CodeOffset(function.offset.0.saturating_add(offset as u32));
                    found.at(Some(Place { function: *func, offset }));
                }
            }
            _ => {}
        }
        for call in self.calls(at) {
            let Some(of) = self.index.all_calls().get(call) else { continue };
            let len = |arg: &Arg| match &arg.points_at {
                Some(Pointed::Bytes { hex: text, .. } | Pointed::Text { text }) => text.len(),
                None => 0,
            };
            if !self.budget.spend_search(of.args.iter().map(len).sum(), pattern.weight()) {
                return None;
            }
            let holds = of.args.iter().any(|arg| match &arg.points_at {
                Some(Pointed::Bytes { hex, .. }) => pattern.find(&unhex(hex)).next().is_some(),
                Some(Pointed::Text { text }) => pattern.find(text.as_bytes()).next().is_some(),
                None => false,
            });
            if holds {
                found.what.get_or_insert_with(|| shorten(&show_call(of)));
                let grounds = self.grounds([of]);
                found.grounds = if found.count == 0 { grounds } else { found.grounds.or(grounds) };
                found.at(self.index.call_site(call));
                found.dynamic = true;
            }
        }
        Some(found)
    }

    fn mnemonic(&self, opcode: Opcode, at: &Instance) -> Option<Found> {
        let mnemonic = opcode.mnemonic();
        if let Instance::Function(func) | Instance::Block(func, _) | Instance::Op(func, _) = at {
            return self.in_code(*func, at, |op| op.opcode.mnemonic() == mnemonic);
        }
        let count = self.index.facts.dynamic.opcodes.get(mnemonic).copied().unwrap_or(0);
        Some(Found { count, what: Some(format!("{count} times")), dynamic: true, ..Found::default() })
    }

    fn basic_blocks(&self, at: &Instance) -> Option<Found> {
        let (count, dynamic) = match at {
            Instance::Function(func) => (self.index.defined(*func)?.blocks, false),
            Instance::RunFunction(func) => (self.index.ran(*func)?.blocks_run, true),
            _ => return None,
        };
        Some(Found { count: count.into(), dynamic, ..Found::default() })
    }

    fn system(&self, kind: &str, value: &str) -> Option<Found> {
        let view = self.index.facts.view;
        let is_64 = || view.memories.iter().any(|memory| memory.memory64);
        let holds = match (kind, value) {
            (_, "any") | ("format", _) => true,
            ("arch", "wasm64") => is_64(),
            ("arch", _) => !is_64(),
            (_, "wasi") => self.index.systems().wasi,
            (_, "emscripten") => self.index.systems().emscripten,
            _ => !view.imports.is_empty() && !self.index.systems().wasi,
        };
        holds.then(|| Found { count: 1, ..Found::default() })
    }

    fn metric(&self, measure: &Measure, at: &Instance) -> Option<Found> {
        let dynamic = measure.metric.is_dynamic();
        let subject = match at {
            Instance::File => Subject::File,
            Instance::RunFile if !dynamic => Subject::File,
            Instance::Run | Instance::RunFile => Subject::Run,
            Instance::Function(func) => Subject::Function(self.index.defined(*func)?),
            Instance::Thread(entry) => Subject::Entry(*entry),
            Instance::RunFunction(func) => Subject::RunFunction(self.index.ran(*func)?),
            Instance::Loop(position) => Subject::Loop(self.index.facts.dynamic.loops.get(*position)?),
            _ => return None,
        };
        let value = self.measure(measure, subject)?;
        if !measure.op.holds(value, measure.value) {
            return None;
        }
        let place = self.place_of(at);
        let places = place.into_iter().collect();
        Some(Found { count: 1, what: Some(show_number(value)), places, dynamic, ..Found::default() })
    }

    /// The value of a metric; that of the whole file or run is computed once.
    fn measure(&self, measure: &Measure, subject: Subject<'_>) -> Option<f64> {
        let is_run = matches!(subject, Subject::Run);
        if !is_run && !matches!(subject, Subject::File) {
            return measure.metric.of(&self.index, subject);
        }
        let key = (measure.metric.name, is_run);
        if let Some(known) = self.metrics.borrow().get(&key) {
            return *known;
        }
        let value = measure.metric.of(&self.index, subject);
        self.metrics.borrow_mut().insert(key, value);
        value
    }

    fn crypto(&self, crypto: &Crypto, at: &Instance) -> Option<Found> {
        let mut found = Found::default();
        let only = match at {
            Instance::Function(func) | Instance::RunFunction(func) => Some(*func),
            _ => None,
        };
        let class_of = |algorithm: &str| {
            self.index
                .facts
                .view
                .crypto
                .iter()
                .find(|constant| constant.algorithm == algorithm)
                .map(|constant| constant.class.as_str())
        };
        let fits = |algorithm: &str, class: Option<&str>| {
            crypto.algorithm.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(algorithm))
                && crypto.class.as_ref().is_none_or(|wanted| Some(wanted.as_str()) == class)
        };
        let constants = self.index.facts.dynamic.constants.len();
        if !self.budget.spend_len(self.index.facts.view.crypto.len().saturating_mul(if crypto.executed {
            constants
        } else {
            1
        })) {
            return None;
        }
        if crypto.executed {
            found.dynamic = true;
            for constant in &self.index.facts.dynamic.constants {
                if fits(&constant.algorithm, class_of(&constant.algorithm))
                    && only.is_none_or(|func| constant.place.function == func)
                {
                    found.what.get_or_insert_with(|| {
                        format!("{}, executed {} times", constant.name, constant.count)
                    });
                    found.at(Some(constant.place));
                }
            }
            return Some(found);
        }
        for constant in &self.index.facts.view.crypto {
            if fits(&constant.algorithm, Some(&constant.class))
                && only.is_none_or(|func| constant.func == Some(func))
            {
                found.what.get_or_insert_with(|| {
                    format!("{} at {:#x} ({})", constant.name, constant.offset, constant.place)
                });
                let offset = crate::module::CodeOffset(u32::try_from(constant.offset).unwrap_or(u32::MAX));
                found.at(constant.func.map(|func| Place { function: func, offset }));
            }
        }
        Some(found)
    }

    fn file(&self, file: &FileFeature, at: &Instance) -> Option<Found> {
        if !matches!(at, Instance::Run | Instance::RunFile) {
            return None;
        }
        let mut found = Found { dynamic: true, ..Found::default() };
        for change in self.index.run().map(|run| &run.files[..]).unwrap_or_default() {
            let paths = [&*change.path, change.last_path()];
            let named =
                file.path.as_ref().is_none_or(|path| paths.iter().any(|name| path.is_match(name.as_bytes())));
            if named && file.change.is_none_or(|wanted| wanted == change.change) {
                found.what.get_or_insert_with(|| format!("{} {}", quoted(&change.path), change.change));
                found.at(None);
            }
        }
        Some(found)
    }

    fn returned(&self, wanted: &ReturnedFeature, at: &Instance) -> Option<Found> {
        if !matches!(at, Instance::Run | Instance::RunFile) {
            return None;
        }
        let mut found = Found { dynamic: true, ..Found::default() };
        for returned in self.index.run().map_or(&[][..], |run| &run.returned) {
            let weight = wanted.text.as_ref().map_or(1, Pattern::weight);
            if !self.budget.spend_search(returned.bytes.len(), weight) {
                return None;
            }
            let is_wanted = wanted.contents.is_none_or(|contents| contents == returned.contents)
                && wanted.text.as_ref().is_none_or(|text| text.is_match(&returned.bytes));
            if is_wanted {
                let head = String::from_utf8_lossy(&returned.bytes);
                found.what.get_or_insert_with(|| format!("{} {}", returned.contents, quoted(&head)));
                found.at(None);
            }
        }
        Some(found)
    }

    fn characteristic(&self, characteristic: Characteristic, at: &Instance) -> Option<Found> {
        match at {
            Instance::Function(func) => self.static_characteristic(characteristic, *func),
            Instance::Block(..) | Instance::Op(..) => self.block_characteristic(characteristic, at),
            Instance::File => {
                if characteristic == Characteristic::StartFunction {
                    return Some(Found {
                        count: self.index.facts.view.start.is_some().into(),
                        ..Found::default()
                    });
                }
                let mut all = Found::default();
                for function in &self.index.facts.view.functions {
                    let Some(one) = self
                        .static_characteristic(characteristic, function.index)
                        .filter(|one| one.count > 0)
                    else {
                        continue;
                    };
                    all.count = all.count.saturating_add(one.count);
                    all.places.extend(
                        one.places.into_iter().take(super::MAX_FOUND_PLACES.saturating_sub(all.places.len())),
                    );
                }
                Some(all)
            }
            Instance::RunFunction(func) => self.run_characteristic(characteristic, Some(*func)),
            Instance::Run | Instance::RunFile => self.run_characteristic(characteristic, None),
            Instance::Loop(position) if characteristic == Characteristic::NzXor => {
                let of = self.index.facts.dynamic.loops.get(*position)?;
                Some(Found { count: of.classes.xor, dynamic: true, ..Found::default() })
            }
            _ => None,
        }
    }

    fn static_characteristic(&self, characteristic: Characteristic, func: FuncIndex) -> Option<Found> {
        let function = self.index.defined(func)?;
        let place = Place { function: func, offset: function.offset };
        let loops = |fits: fn(&&view::Loop) -> bool| {
            let places: Vec<_> = function
                .loops
                .iter()
                .filter(fits)
                .map(|of| Place { function: func, offset: of.offset })
                .collect();
            (places.len() as u64, places)
        };
        let (count, places) = match characteristic {
            Characteristic::NzXor => (function.classes.xor, vec![place]),
            Characteristic::Loop => loops(|_| true),
            Characteristic::TightLoop => loops(|of| of.blocks == 1),
            Characteristic::RecursiveCall => {
                (u64::from(function.callees.binary_search(&func).is_ok()), vec![place])
            }
            Characteristic::IndirectCall => (function.classes.indirect_call, vec![place]),
            Characteristic::TailCall => (function.classes.tail_call, vec![place]),
            Characteristic::CallsFrom => (function.callees.len() as u64, vec![place]),
            Characteristic::CallsTo => (self.index.callers(func), vec![place]),
            Characteristic::OpaquePredicate => {
                let places = self.shapes.opaque(&self.index, func);
                (places.len() as u64, places)
            }
            Characteristic::FlattenedControlFlow => {
                let places = self.shapes.flattened(&self.index, func);
                (places.len() as u64, places)
            }
            Characteristic::StartFunction => {
                (u64::from(self.index.facts.view.start == Some(func)), vec![place])
            }
        };
        let places =
            if count == 0 { Vec::new() } else { places.into_iter().take(super::MAX_FOUND_PLACES).collect() };
        Some(Found { count, places, ..Found::default() })
    }

    fn block_characteristic(&self, characteristic: Characteristic, at: &Instance) -> Option<Found> {
        let (Instance::Block(func, _) | Instance::Op(func, _)) = at else { return None };
        let code = self.index.module()?.code(*func).ok()?;
        let mut found = Found::default();
        match (characteristic, at) {
            (Characteristic::NzXor, _) => {
                for op in
                    code.ops().get(self.ops(at)?)?.iter().filter(|op| op.opcode.mnemonic().ends_with(".xor"))
                {
                    found.at(Some(Place { function: *func, offset: op.offset }));
                }
            }
            (Characteristic::TightLoop, Instance::Block(_, block)) => {
                let own = crate::module::BlockIndex(u32::try_from(*block).ok()?);
                if code.successors(own).any(|to| to == own) {
                    found.at(self.place_of(at));
                }
            }
            _ => return None,
        }
        Some(found)
    }

    /// A characteristic of what was executed, by one function or all.
    fn run_characteristic(&self, characteristic: Characteristic, only: Option<FuncIndex>) -> Option<Found> {
        let dynamic = self.index.facts.dynamic;
        let classes = match only {
            Some(func) => &self.index.ran(func)?.classes,
            None => &dynamic.metrics.classes,
        };
        let mut found = Found { dynamic: true, ..Found::default() };
        let counted = |count: u64| Some(Found { count, dynamic: true, ..Found::default() });
        let all = &dynamic.call_graph.edges;
        let (from, into): (Vec<_>, Vec<_>) = match (only, characteristic) {
            (Some(func), Characteristic::CallsFrom | Characteristic::RecursiveCall) => {
                (self.index.edges_from(func).collect(), Vec::new())
            }
            (Some(func), Characteristic::CallsTo) => (Vec::new(), self.index.edges_into(func).collect()),
            (None, Characteristic::CallsFrom | Characteristic::RecursiveCall) => {
                (all.iter().collect(), Vec::new())
            }
            (None, Characteristic::CallsTo) => (Vec::new(), all.iter().collect()),
            _ => (Vec::new(), Vec::new()),
        };
        if !self.budget.spend_len(from.len() + into.len()) {
            return None;
        }
        match characteristic {
            Characteristic::NzXor => return counted(classes.xor),
            Characteristic::IndirectCall => return counted(classes.indirect_call),
            Characteristic::TailCall => return counted(classes.tail_call),
            Characteristic::StartFunction => return counted(dynamic.metrics.start_ran.into()),
            Characteristic::CallsFrom => {
                return counted(from.iter().filter(|edge| edge.caller.is_some()).count() as u64);
            }
            Characteristic::CallsTo => {
                let callers = into.iter().filter(|edge| edge.kind != CallEdgeKind::Host);
                return counted(callers.map(|edge| edge.caller).collect::<BTreeSet<_>>().len() as u64);
            }
            Characteristic::RecursiveCall => {
                let own = from.iter().filter(|edge| edge.caller == Some(edge.callee));
                return counted(own.map(|edge| edge.count).fold(0, u64::saturating_add));
            }
            Characteristic::Loop => {
                let loops: Vec<_> = match only {
                    Some(func) => self.index.loops_of(func).map(|(_, of)| of).collect(),
                    None => dynamic.loops.iter().collect(),
                };
                for of in loops.into_iter().filter(|of| of.iterations > of.entries) {
                    found.at(Some(of.place));
                }
            }
            Characteristic::OpaquePredicate => self.executed_opaque(only, &mut found),
            Characteristic::FlattenedControlFlow => {
                for function in self.functions_that_ran(only) {
                    for place in self.shapes.flattened(&self.index, function.index) {
                        found.at(Some(place));
                    }
                }
            }
            Characteristic::TightLoop => return None,
        }
        Some(found)
    }

    /// One function, or all, if they ran.
    fn functions_that_ran(&self, only: Option<FuncIndex>) -> &[passes::FunctionMetrics] {
        match only {
            Some(func) => self.index.ran(func).map(std::slice::from_ref).unwrap_or_default(),
            None => &self.index.facts.dynamic.functions,
        }
    }

    /// Opaque predicates that ran and never went the other way.
    fn executed_opaque(&self, only: Option<FuncIndex>, found: &mut Found) {
        for function in self.functions_that_ran(only) {
            for place in self.shapes.opaque(&self.index, function.index) {
                let branches = &self.index.facts.dynamic.branches;
                let at = branches.binary_search_by(|branch| branch.place.cmp(&place));
                let ran = at.ok().and_then(|at| branches.get(at));
                if ran.is_some_and(|branch| (branch.taken == 0) != (branch.not_taken == 0)) {
                    found.at(Some(place));
                }
            }
        }
    }
}

/// A number with at most four digits behind the point.
fn show_number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let text = if value.abs() < 0.01 { format!("{value:.6}") } else { format!("{value:.4}") };
    text.trim_end_matches('0').to_owned()
}
