//! Which thread each logged host call is of.

use crate::trace::{MAIN, Record};

use super::types::Run;

impl Run {
    /// The thread that made each call of the log, by the switches in the trace. Nothing if the run has no
    /// threads but the main one, which is 0.
    ///
    /// ```
    /// use wasmspoor::sandbox::{self, RunOptions};
    ///
    /// let wasm = wat::parse_str(r#"(module
    ///   (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    ///   (import "env" "tell" (func $tell))
    ///   (func (export "wasi_thread_start") (param i32 i32) (call $tell))
    ///   (func (export "_start") (drop (call $spawn (i32.const 0)))))"#)?;
    /// let run = sandbox::run(&wasm, &RunOptions::default())?;
    /// assert_eq!(run.call_threads(), [0, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn call_threads(&self) -> Vec<u32> {
        let is_threaded = self.trace.modules.iter().any(|module| module.is_threaded());
        let (mut threads, mut thread, mut has_others) = (Vec::new(), MAIN, false);
        if !is_threaded {
            return threads;
        }
        let mut calls = self.calls.iter().map(|call| call.record).peekable();
        for (position, record) in self.trace.record_stream().enumerate() {
            match *record {
                Record::Switch { thread: next } => (thread, has_others) = (next, true),
                Record::HostCall { .. } if calls.next_if_eq(&position).is_some() => threads.push(thread),
                _ => {}
            }
        }
        if !has_others {
            threads.clear();
        }
        threads
    }
}
