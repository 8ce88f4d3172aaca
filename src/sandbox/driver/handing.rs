//! Memory that a call and its host exchange: buffers that the sample gives to be filled, and what it wrote
//! where it was to write.

use std::sync::PoisonError;

use super::{
    Driver,
    explore::{Exploration, OUTPUT, ROOM},
    limits::{BUFFER_LEAST, BUFFERS, WRITTEN_INPUTS, WRITTEN_OBJECTS},
    plan::Piece,
};
use crate::{
    sandbox::types::{Entry, EntryEnd},
    tracer::Value,
};

/// Bytes cleared where a call is to write, to know what it wrote.
const CLEARED: [u8; 16] = [0; 16];

/// A buffer of the sample's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffer {
    address: u32,
    room: usize,
}

impl Driver<'_> {
    /// Buffers that exports gave which take nothing.
    pub(super) fn find_buffers(&mut self, exploration: &mut Exploration) {
        let is_giver = |entry: &&Entry| entry.end == EntryEnd::Returned && entry.args.is_empty();
        let results = self.entries.iter().filter(is_giver).filter_map(|entry| match entry.results[..] {
            [Value::I32(address @ 1024..)] => Some(address as u32),
            _ => None,
        });
        for address in results.collect::<Vec<_>>() {
            self.add_buffer(address, exploration);
        }
    }

    fn add_buffer(&mut self, address: u32, exploration: &mut Exploration) {
        let buffer = Buffer { address, room: self.zeros_at(address) };
        let is_known = exploration.buffers.iter().any(|known| known.address == address);
        if buffer.room >= BUFFER_LEAST && !is_known && exploration.buffers.len() < BUFFERS {
            exploration.buffers.push(buffer);
        }
    }

    /// Bytes from an address on that hold nothing.
    fn zeros_at(&self, address: u32) -> usize {
        let memory = self.session.host_memory_bytes().unwrap_or_default();
        let rest = memory.get(address as usize..).unwrap_or_default();
        rest.iter().take(ROOM as usize).take_while(|&&byte| byte == 0).count()
    }

    /// Makes memory ready for a call. Buffers hold the input, if it is not handed over. The place where the
    /// call is to write is empty.
    pub(super) fn prepare(&mut self, pieces: &[Piece], exploration: &mut Exploration) {
        if pieces.contains(&Piece::Output) {
            let at = self.material.page.wrapping_add(OUTPUT);
            _ = self.session.write_host_memory(at.into(), &CLEARED);
        }
        if pieces.contains(&Piece::Input) || exploration.buffers.is_empty() || exploration.is_even() {
            return;
        }
        for &Buffer { address, room } in &exploration.buffers {
            let len = exploration.input.len().min(room);
            _ = self.session.write_host_memory(address.into(), &exploration.input[..len]);
        }
    }

    /// Takes what a call gave: buffers, which are filled, objects and texts.
    pub(super) fn take_back(&mut self, pieces: &[Piece], exploration: &mut Exploration) {
        self.fill_views(exploration);
        let Some(entry) = self.entries.last() else { return };
        let (args, results) = (entry.args.clone(), entry.results.clone());
        match results[..] {
            [Value::I32(address @ 1024..)] if args.is_empty() => {
                self.add_buffer(address as u32, exploration);
            }
            // It gave room for as much as it was asked for.
            [Value::I32(address @ 1024..)] if args.contains(&Value::I32(exploration.input.len() as i32)) => {
                let is_room = self.zeros_at(address as u32) >= exploration.input.len();
                if is_room && !exploration.input.is_empty() {
                    _ = self.session.write_host_memory(address as u64, &exploration.input);
                }
            }
            [Value::I32(address @ 1024..), Value::I32(len @ 1..)] => {
                self.take_input(address as u32, len as u32, exploration);
            }
            _ => {}
        }
        if pieces.contains(&Piece::Output) {
            self.take_output(&results, exploration);
        }
    }

    /// Views of memory that the sample handed its host are filled.
    fn fill_views(&mut self, exploration: &Exploration) {
        let views = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.world.registered.take_views()
        };
        for (address, room) in views {
            let len = exploration.input.len().min(room as usize);
            if len > 0 {
                _ = self.session.write_host_memory(address.into(), &exploration.input[..len]);
            }
        }
    }

    /// The output of a call where it was to write: as much as it says, or an object, or a text and its
    /// length.
    fn take_output(&mut self, results: &[Value], exploration: &mut Exploration) {
        let start = self.material.page.wrapping_add(OUTPUT);
        if let Some(&Value::I32(len @ 1..)) = results.first()
            && len as u32 <= ROOM / 2
        {
            self.take_input(start, len as u32, exploration);
        }
        let memory = self.session.host_memory_bytes().unwrap_or_default();
        let Some(&words) = memory.get(start as usize..).and_then(<[u8]>::first_chunk::<8>) else { return };
        let word = |at: usize| u32::from_le_bytes([words[at], words[at + 1], words[at + 2], words[at + 3]]);
        let (address, len) = (word(0), word(4));
        let is_inside = address >= self.hints.data_end.max(1024) && (address as usize) < memory.len();
        if !is_inside {
            return;
        }
        if (1..=ROOM).contains(&len) {
            self.take_input(address, len, exploration);
        }
        let object = address as i32;
        let has_room = exploration.written.len() < WRITTEN_OBJECTS;
        if address.is_multiple_of(4) && has_room && !exploration.written.contains(&object) {
            exploration.written.push(object);
        }
    }

    /// The bytes there are an input from now on, if they are something.
    fn take_input(&mut self, address: u32, len: u32, exploration: &mut Exploration) {
        let memory = self.session.host_memory_bytes().unwrap_or_default();
        let start = address as usize;
        let end = start.saturating_add(len.min(ROOM) as usize);
        let Some(written) = memory.get(start..end).map(<[u8]>::to_vec) else { return };
        let is_something = written.iter().any(|&byte| byte != 0);
        let has_room = exploration.inputs.len() < exploration.given + WRITTEN_INPUTS;
        if is_something && has_room && !exploration.inputs.contains(&written) {
            exploration.inputs.push(written);
        }
    }
}
