//! Constants of cryptographic algorithms, in the bytes or among what ran.

use crate::module::{CodeOffset, FuncIndex, Place};

use super::super::{super::rule::Crypto, Evaluator, Found, Instance};

/// Whether a constant of an algorithm is what is looked for.
fn fits(wanted: &Crypto, algorithm: &str, class: Option<&str>) -> bool {
    wanted.algorithm.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(algorithm))
        && wanted.class.as_ref().is_none_or(|wanted| Some(wanted.as_str()) == class)
}

impl Evaluator<'_> {
    pub(super) fn crypto(&self, crypto: &Crypto, at: &Instance) -> Option<Found> {
        let only = match at {
            Instance::Function(func) | Instance::RunFunction(func) => Some(*func),
            _ => None,
        };
        let facts = &self.index.facts;
        // The class of each constant that ran is looked up among those of the bytes.
        let looks = if crypto.executed { facts.dynamic.constants.len() } else { 1 };
        if !self.budget.spend_len(facts.view.crypto.len().saturating_mul(looks)) {
            return None;
        }
        let is_executed = crypto.executed;
        Some(if is_executed { self.executed_crypto(crypto, only) } else { self.crypto_in_file(crypto, only) })
    }

    /// Constants that ran.
    fn executed_crypto(&self, crypto: &Crypto, only: Option<FuncIndex>) -> Found {
        let constants = &self.index.facts.view.crypto;
        let class_of = |algorithm: &str| {
            let same = constants.iter().find(|constant| constant.algorithm == algorithm);
            same.map(|constant| constant.class.as_str())
        };
        let mut found = Found::of_run();
        for constant in &self.index.facts.dynamic.constants {
            if fits(crypto, &constant.algorithm, class_of(&constant.algorithm))
                && only.is_none_or(|func| constant.place.function == func)
            {
                let what = || format!("{}, executed {} times", constant.name, constant.count);
                found.what.get_or_insert_with(what);
                found.at(Some(constant.place));
            }
        }
        found
    }

    /// Constants of the bytes.
    fn crypto_in_file(&self, crypto: &Crypto, only: Option<FuncIndex>) -> Found {
        let mut found = Found::default();
        for constant in &self.index.facts.view.crypto {
            if fits(crypto, &constant.algorithm, Some(constant.class.as_str()))
                && only.is_none_or(|func| constant.func == Some(func))
            {
                let what = || format!("{} at {:#x} ({})", constant.name, constant.offset, constant.place);
                found.what.get_or_insert_with(what);
                let offset = CodeOffset(u32::try_from(constant.offset).unwrap_or(u32::MAX));
                found.at(constant.func.map(|func| Place { function: func, offset }));
            }
        }
        found
    }
}
