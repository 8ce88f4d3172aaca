//! A function that ran.

use std::sync::Arc;

use crate::{
    module::{Code, FuncIndex, Module, cfg::Cfg},
    trace::{ExecutedFunction, InstanceIndex},
};

use super::constant_sites::{ConstantSite, Constants};

/// A function that ran.
#[derive(Debug)]
pub(in crate::passes) struct Function {
    pub(in crate::passes) instance: InstanceIndex,
    pub(in crate::passes) func: FuncIndex,
    module: Arc<Module>,
    pub(in crate::passes) first_block: usize,
    /// Number of its first loop among all loops.
    pub(in crate::passes) first_loop: usize,
    /// Functions of a few blocks share it.
    pub(in crate::passes) cfg: Arc<Cfg>,
    pub(in crate::passes) entered: u64,
    /// Constants in it whose executions are counted, by place.
    pub(super) constant_sites: Vec<ConstantSite>,
}

impl Function {
    /// One that is about to run for the first time; its loops are numbered from `first_loop`.
    pub(super) fn of(
        function: &ExecutedFunction<'_>,
        cfg: Arc<Cfg>,
        first_loop: usize,
        constants: &Constants,
    ) -> Self {
        let (instance, func) = (function.instance(), function.index());
        // Results name the functions of the first instance.
        let is_named = instance == InstanceIndex(0);
        let constant_sites = if is_named { constants.of_function(func, function.code()) } else { Vec::new() };
        Self {
            instance,
            func,
            module: Arc::clone(function.module()),
            first_block: function.first_block(),
            first_loop,
            cfg,
            entered: 0,
            constant_sites,
        }
    }

    /// Its code. It was decoded when the function was loaded.
    pub(in crate::passes) fn code(&self) -> Option<&Code> {
        self.module.code(self.func).ok()
    }
}
