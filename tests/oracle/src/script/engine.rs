//! The needs of a script: what an engine must offer, and the macro that makes it from a crate with wasmi's
//! API.
//!
//! [`Engine`] speaks in neutral types, so scripts are run by ordinary code (see `run`) and only this thin
//! adapter is expanded once for each engine crate.

use super::Value;

/// Number of a module in its script: definitions are counted in order, whatever becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub usize);

/// Number of an instance in its script: instantiations are counted in order, the failed ones too, so two
/// engines agree on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub usize);

/// Which kind of failure a script asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Malformed or invalid.
    Module,
    /// Imports are missing or have other types.
    Link,
    /// Any trap but the next.
    Trap,
    /// The call stack is exhausted.
    Exhaustion,
    /// A wrong use of the engine, an unsupported feature, …
    Other,
}

/// Why an engine did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What a script distinguishes.
    pub kind: FailureKind,
    /// The engine's words.
    pub message: String,
}

impl Failure {
    /// A failure of kind `Other`.
    #[must_use]
    pub fn other(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Other, message: message.into() }
    }
}

/// An engine with one store, in which the instances of one script live.
pub trait Engine {
    /// A compiled module.
    type Module;

    /// Validates and compiles.
    ///
    /// # Errors
    /// When the module is malformed, invalid or needs a feature that the engine does not have.
    fn compile(&mut self, wasm: &[u8]) -> Result<Self::Module, Failure>;

    /// Instantiates, runs the start function and remembers the instance as `instance`.
    ///
    /// # Errors
    /// When imports do not fit, or a segment or the start function traps.
    fn instantiate(&mut self, module: &Self::Module, instance: InstanceId) -> Result<(), Failure>;

    /// Lets later modules import the exports of `instance` from `name`.
    ///
    /// # Errors
    /// When there is no such instance.
    fn register(&mut self, name: &str, instance: InstanceId) -> Result<(), Failure>;

    /// Calls an exported function.
    ///
    /// # Errors
    /// When there is none, its type does not fit or it traps.
    fn invoke(
        &mut self,
        instance: InstanceId,
        export: &str,
        arguments: &[Value],
    ) -> Result<Vec<Value>, Failure>;

    /// The value of an exported global.
    ///
    /// # Errors
    /// When there is none.
    fn global(&mut self, instance: InstanceId, export: &str) -> Result<Value, Failure>;

    /// Whether a function of this name is exported.
    fn has_func(&self, instance: InstanceId, export: &str) -> bool;

    /// The bytes of an exported memory.
    fn memory(&self, instance: InstanceId, export: &str) -> Option<&[u8]>;
}

/// Defines `Adapter`, an [`Engine`](crate::script::Engine) for a crate that has the API of wasmi 2.0.0.
///
/// `wast_runner!(wasmi);` stands in a module of its own. It defines
/// - `Adapter<T = ()>` with the public fields `store: Store<T>` and `instances: BTreeMap<InstanceId,
///   Instance>`;
/// - `Adapter::new(store)`, so the caller makes engine and store; `spectest` is defined in it;
/// - `config()`, a `Config` with all that wasmi 2.0.0 can run switched on;
/// - `Default` for `Adapter<()>`, on that config.
#[macro_export]
macro_rules! wast_runner {
    ($engine:ident) => {
        use $crate::script::{Failure, FailureKind, InstanceId, Value};

        /// Runs scripts on one store of the engine.
        pub struct Adapter<T: 'static = ()> {
            /// Where all instances of the script live.
            pub store: $engine::Store<T>,
            /// All instances of the script, also those replaced by later ones of the same name.
            pub instances: std::collections::BTreeMap<InstanceId, $engine::Instance>,
            linker: $engine::Linker<T>,
        }

        /// All that the engine can run.
        #[must_use]
        pub fn config() -> $engine::Config {
            let mut config = $engine::Config::default();
            config
                .wasm_mutable_global(true)
                .wasm_sign_extension(true)
                .wasm_saturating_float_to_int(true)
                .wasm_multi_value(true)
                .wasm_multi_memory(true)
                .wasm_bulk_memory(true)
                .wasm_reference_types(true)
                .wasm_tail_call(true)
                .wasm_extended_const(true)
                .wasm_custom_page_sizes(true)
                .wasm_memory64(true)
                .wasm_wide_arithmetic(true)
                .wasm_simd(true)
                .wasm_relaxed_simd(true)
                .floats(true);
            config
        }

        impl Default for Adapter<()> {
            fn default() -> Self {
                Self::new($engine::Store::new(&$engine::Engine::new(&config()), ()))
            }
        }

        impl<T: 'static> Adapter<T> {
            /// Defines `spectest` in the store and gets ready for a script.
            ///
            /// # Panics
            /// When the store's limits leave no room for `spectest`.
            pub fn new(mut store: $engine::Store<T>) -> Self {
                let mut linker = $engine::Linker::new(store.engine());
                linker.allow_shadowing(true);
                spectest(&mut store, &mut linker).unwrap_or_else(|error| panic!("spectest: {error}"));
                Self { store, instances: Default::default(), linker }
            }

            fn instance(&self, instance: InstanceId) -> Result<$engine::Instance, Failure> {
                self.instances.get(&instance).copied().ok_or_else(|| Failure::other("no such instance"))
            }

            fn lower(&mut self, value: Value) -> Result<$engine::Val, Failure> {
                Ok(match value {
                    Value::I32(value) => $engine::Val::I32(value),
                    Value::I64(value) => $engine::Val::I64(value),
                    Value::F32(bits) => $engine::Val::F32($engine::F32::from_bits(bits)),
                    Value::F64(bits) => $engine::Val::F64($engine::F64::from_bits(bits)),
                    Value::V128(bits) => $engine::Val::V128($engine::V128::from(bits)),
                    Value::NullFunc => $engine::Val::FuncRef($engine::Nullable::Null),
                    Value::Func => return Err(Failure::other("no function to pass")),
                    Value::Extern(None) => $engine::Val::ExternRef($engine::Nullable::Null),
                    Value::Extern(Some(number)) => {
                        $engine::Val::from($engine::ExternRef::new(&mut self.store, number))
                    }
                })
            }

            fn lift(&self, value: &$engine::Val) -> Result<Value, Failure> {
                Ok(match value {
                    $engine::Val::I32(value) => Value::I32(*value),
                    $engine::Val::I64(value) => Value::I64(*value),
                    $engine::Val::F32(value) => Value::F32(value.to_bits()),
                    $engine::Val::F64(value) => Value::F64(value.to_bits()),
                    $engine::Val::V128(value) => Value::V128(value.as_u128()),
                    $engine::Val::FuncRef($engine::Nullable::Null) => Value::NullFunc,
                    $engine::Val::FuncRef($engine::Nullable::Val(_)) => Value::Func,
                    $engine::Val::ExternRef($engine::Nullable::Null) => Value::Extern(None),
                    $engine::Val::ExternRef($engine::Nullable::Val(reference)) => {
                        let number = reference.data(&self.store).downcast_ref::<u32>();
                        Value::Extern(Some(
                            *number.ok_or_else(|| Failure::other("an unknown host reference"))?,
                        ))
                    }
                })
            }
        }

        impl<T: 'static> $crate::script::Engine for Adapter<T> {
            type Module = $engine::Module;

            fn compile(&mut self, wasm: &[u8]) -> Result<Self::Module, Failure> {
                $engine::Module::new(self.store.engine(), wasm)
                    .map_err(|error| Failure { kind: FailureKind::Module, message: error.to_string() })
            }

            fn instantiate(&mut self, module: &Self::Module, instance: InstanceId) -> Result<(), Failure> {
                let made = self.linker.instantiate_and_start(&mut self.store, module).map_err(failure)?;
                self.instances.insert(instance, made);
                Ok(())
            }

            fn register(&mut self, name: &str, instance: InstanceId) -> Result<(), Failure> {
                let instance = self.instance(instance)?;
                self.linker.instance(&mut self.store, name, instance).map_err(failure)?;
                Ok(())
            }

            fn invoke(
                &mut self,
                instance: InstanceId,
                export: &str,
                arguments: &[Value],
            ) -> Result<Vec<Value>, Failure> {
                let func = self.instance(instance)?.get_func(&self.store, export);
                let func =
                    func.ok_or_else(|| Failure::other(format!("no function {export:?} is exported")))?;
                let arguments =
                    arguments.iter().map(|value| self.lower(*value)).collect::<Result<Vec<_>, _>>()?;
                let types = func.ty(&self.store);
                let mut results: Vec<_> =
                    types.results().iter().map(|ty| $engine::Val::default_for_ty(*ty)).collect();
                func.call(&mut self.store, &arguments, &mut results).map_err(failure)?;
                results.iter().map(|value| self.lift(value)).collect()
            }

            fn global(&mut self, instance: InstanceId, export: &str) -> Result<Value, Failure> {
                let global = self.instance(instance)?.get_global(&self.store, export);
                let global =
                    global.ok_or_else(|| Failure::other(format!("no global {export:?} is exported")))?;
                self.lift(&global.get(&self.store))
            }

            fn has_func(&self, instance: InstanceId, export: &str) -> bool {
                self.instances
                    .get(&instance)
                    .is_some_and(|instance| instance.get_func(&self.store, export).is_some())
            }

            fn memory(&self, instance: InstanceId, export: &str) -> Option<&[u8]> {
                Some(self.instances.get(&instance)?.get_memory(&self.store, export)?.data(&self.store))
            }
        }

        fn failure(error: $engine::Error) -> Failure {
            use $engine::errors::{ErrorKind, InstantiationError};
            let kind = match (error.as_trap_code(), error.kind()) {
                (Some($engine::TrapCode::StackOverflow), _) => FailureKind::Exhaustion,
                (Some(_), _) => FailureKind::Trap,
                (None, ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. })) => {
                    FailureKind::Trap
                }
                (None, ErrorKind::Linker(_) | ErrorKind::Instantiation(_)) => FailureKind::Link,
                (None, _) => FailureKind::Other,
            };
            let message = error
                .as_trap_code()
                .map_or_else(|| error.to_string(), |code| code.trap_message().to_string());
            Failure { kind, message }
        }

        /// The module `spectest` that the official scripts import from, but for shared memories.
        fn spectest<T: 'static>(
            store: &mut $engine::Store<T>,
            linker: &mut $engine::Linker<T>,
        ) -> Result<(), $engine::Error> {
            use $engine::{
                F32, F64, Global, Memory, MemoryType, Mutability, Nullable, Ref, RefType, Table, TableType,
                Val,
            };
            const NAME: &str = "spectest";
            linker.func_wrap(NAME, "print", || {})?;
            linker.func_wrap(NAME, "print_i32", |_: i32| {})?;
            linker.func_wrap(NAME, "print_i64", |_: i64| {})?;
            linker.func_wrap(NAME, "print_f32", |_: F32| {})?;
            linker.func_wrap(NAME, "print_f64", |_: F64| {})?;
            linker.func_wrap(NAME, "print_i32_f32", |_: i32, _: F32| {})?;
            linker.func_wrap(NAME, "print_f64_f64", |_: F64, _: F64| {})?;
            let globals = [
                ("global_i32", Val::I32(666)),
                ("global_i64", Val::I64(666)),
                ("global_f32", Val::F32(F32::from_bits(666.6_f32.to_bits()))),
                ("global_f64", Val::F64(F64::from_bits(666.6_f64.to_bits()))),
            ];
            for (name, value) in globals {
                linker.define(NAME, name, Global::new(&mut *store, value, Mutability::Const))?;
            }
            linker.define(NAME, "memory", Memory::new(&mut *store, MemoryType::new(1, Some(2)))?)?;
            let null = Ref::Func(Nullable::Null);
            linker.define(
                NAME,
                "table",
                Table::new(&mut *store, TableType::new(RefType::Func, 10, Some(20)), null)?,
            )?;
            linker.define(
                NAME,
                "table64",
                Table::new(&mut *store, TableType::new64(RefType::Func, 10, Some(20)), null)?,
            )?;
            Ok(())
        }
    };
}
