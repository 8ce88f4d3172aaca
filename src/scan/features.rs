//! The features that samples are compared by: the code as sequences of opcodes, the run as what it did.
//!
//! Code: every window of 8 opcodes within a function, immediates and `nop` left out, is an element of a set.
//! So moved functions, other constants and other addresses change nothing, and a patched function little.
//! Behaviour: the host functions called, each with the magnitude of its number of calls, and three in a row
//! of them. It is also the constants of algorithms that were executed, and the share of each executed opcode
//! in half octaves.
//!
//! Not here: how sets are compared ([`super::sketch`]) and grouped ([`super::cluster`]).

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::limits::SKETCHED_CALLS;
use super::sketch::{Builder, Sketch, hash, mix};
use crate::{
    analysis::Analysis,
    hex::hex,
    module::{Code, FuncIndex, Module, Opcode},
};

/// Opcodes in a window.
const WINDOW: usize = 8;
/// Bins that a code sketch must have filled: about as many distinct windows.
const LEAST_CODE: usize = 24;
/// Bins that a sketch of behaviour must have filled.
const LEAST_BEHAVIOUR: usize = 8;

/// The code of a sample in short.
#[derive(Debug, Default)]
pub struct CodeFeatures {
    /// SHA-256 of the opcodes of all functions, hexadecimal; `None` without code.
    pub hash: Option<String>,
    /// What similarity is estimated from.
    pub sketch: Option<Sketch>,
    module: Option<Arc<Module>>,
    names: Box<[u64]>,
}

impl CodeFeatures {
    /// Reads the code of a binary module. What cannot be decoded is left out.
    pub fn of(wasm: &Arc<[u8]>) -> Self {
        Module::parse(Arc::clone(wasm)).map(|module| Self::of_module(Arc::new(module))).unwrap_or_default()
    }

    /// Reads the code of a module, what was decoded of it before only once.
    pub fn of_module(module: Arc<Module>) -> Self {
        let names = names();
        let (mut digest, mut builder, mut any) = (Sha256::new(), Builder::default(), false);
        for func in module.defined() {
            let Ok(code) = module.code(func) else { continue };
            any |= !code.ops().is_empty();
            update(&mut digest, code, &names);
            windows(code, &names, &mut builder);
        }
        let hash = any.then(|| hex(&digest.finalize()));
        Self { hash, sketch: builder.finish(LEAST_CODE), module: Some(module), names }
    }

    /// The first 16 bytes of the SHA-256 of the opcodes of a function, hexadecimal.
    pub fn function(&self, func: FuncIndex) -> Option<String> {
        let code = self.module.as_ref()?.code(func).ok()?;
        let mut digest = Sha256::new();
        update(&mut digest, code, &self.names);
        digest.finalize().get(..16).map(hex)
    }
}

/// A number for each opcode that does not change when opcodes are added.
fn names() -> Box<[u64]> {
    Opcode::ALL.iter().map(|opcode| hash(opcode.mnemonic())).collect()
}

fn update(digest: &mut Sha256, code: &Code, names: &[u64]) {
    for op in code.ops() {
        digest.update(names.get(op.opcode as usize).copied().unwrap_or(0).to_le_bytes());
    }
    // Where a function ends counts too.
    digest.update([0; 8]);
}

fn windows(code: &Code, names: &[u64], builder: &mut Builder) {
    let ops = code.ops().iter().map(|op| op.opcode).filter(|&opcode| opcode != Opcode::Nop);
    let mut window = [0u64; WINDOW];
    for (count, opcode) in ops.enumerate() {
        window.rotate_left(1);
        window[WINDOW - 1] = names.get(opcode as usize).copied().unwrap_or(0);
        if count + 1 >= WINDOW {
            builder.add(window.iter().fold(0, |sum, &name| mix(sum ^ name)));
        }
    }
}

/// The run of a sample in short.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BehaviourFeatures {
    /// SHA-256 of the host calls, repetitions in a row left out, hexadecimal; `None` without any.
    pub hash: Option<String>,
    /// What similarity is estimated from.
    pub sketch: Option<Sketch>,
}

impl BehaviourFeatures {
    /// What a run did, in short.
    pub fn of(analysis: &Analysis) -> Self {
        let Some(run) = &analysis.run else { return Self::default() };
        let calls = run
            .calls
            .iter()
            .take(SKETCHED_CALLS)
            .map(|call| hash(&crate::text::import_name(&call.module, &call.name)));
        let mut calls: Vec<u64> = calls.collect();
        calls.dedup();
        let mut digest = Sha256::new();
        calls.iter().for_each(|name| digest.update(name.to_le_bytes()));
        let mut builder = Builder::default();
        calls.windows(3).for_each(|three| builder.add(three.iter().fold(3, |sum, &name| mix(sum ^ name))));
        for (name, &count) in &analysis.dynamic.metrics.host_calls {
            builder.add(mix(hash(name)) ^ u64::from(count.max(1).ilog2()));
            builder.add(hash(name));
        }
        for constant in &analysis.dynamic.constants {
            builder.add(hash(&constant.name) ^ 1);
        }
        mix_of(analysis, &mut builder);
        let hash = (!calls.is_empty()).then(|| hex(&digest.finalize()));
        Self { hash, sketch: builder.finish(LEAST_BEHAVIOUR) }
    }
}

/// The share of each opcode among executed instructions, in half octaves, those from 1 in 256 on.
fn mix_of(analysis: &Analysis, builder: &mut Builder) {
    let total = analysis.dynamic.metrics.classes.total;
    for (mnemonic, &count) in &analysis.dynamic.opcodes {
        let share = count as f64 / total.max(1) as f64;
        if share * 256.0 >= 1.0 {
            let step = (-share.log2() * 2.0).round() as u64;
            builder.add(hash(mnemonic) ^ (step << 32) ^ 2);
        }
    }
}
