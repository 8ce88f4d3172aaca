//! Calls that a page makes again and again, with each frame or each tick of a timer. An export, or a function
//! that the sample gave its host, may do little to a file in a call and much in a thousand.
//!
//! Only such is called that leads to files. A series goes on as long as each call calls the host. A number
//! that may be a time goes on with each call, and one that may be a key or a text is another one (`typed`).
//! An editor writes what it is given, and that is no damage.

use super::{
    Driver, args,
    callbacks::Target,
    candidates::Candidate,
    limits::{EXPLORE_LOGGED, TURN_CALLS, TURN_EXPORTS, TURN_INSTRUCTIONS, TURN_PARAMS, TURN_SILENT, TURNS},
    names::Role,
    rank::Reach,
};
use crate::{
    module::FuncIndex,
    sandbox::{typed, types::EntryKind, world::Owner},
    tracer::{Budget, Type, Value},
};

/// Milliseconds from one frame to the next.
const FRAME: f64 = 1000.0 / 60.0;

/// Where what is typed may lie in the page of made-up input.
const TYPED: u32 = 48 << 10;

/// What is called again and again.
enum Turn<'c> {
    Export(&'c Candidate),
    Told(Target),
}

impl Turn<'_> {
    fn of(&self) -> (&[Type], FuncIndex, Reach) {
        match self {
            Self::Export(one) => (&one.params, one.func, one.reach),
            Self::Told(one) => (&one.function.params, one.function.func.unwrap_or(FuncIndex(0)), one.reach),
        }
    }

    /// Whether it may be called so: it takes a few things at most, and leads to files.
    fn is_one(&self) -> bool {
        let (params, _, reach) = self.of();
        let is_open = match self {
            Self::Export(one) => matches!(one.role, Role::Other | Role::Create),
            Self::Told(one) => one.told.owner == Owner::Callback,
        };
        is_open && reach.has_files && params.len() <= TURN_PARAMS
    }
}

impl Driver<'_> {
    /// Calls again and again what a page may call so.
    pub(super) fn turns(&mut self, chosen: &[Candidate]) {
        let told = self.told.targets().to_vec().into_iter().map(Turn::Told);
        let turns: Vec<_> = chosen.iter().map(Turn::Export).chain(told).filter(Turn::is_one).collect();
        let mut left = TURN_CALLS;
        let count = turns.len().min(TURN_EXPORTS);
        for (number, turn) in turns.iter().take(count).enumerate() {
            // Each has its part, and what those before it left of theirs.
            left -= self.series(turn, TURNS.min(left / (count - number)), EXPLORE_LOGGED / count as u64);
        }
    }

    /// One series of calls, from the state that was kept, of so many with so much in the log; how many there
    /// were.
    fn series(&mut self, turn: &Turn<'_>, most: usize, room: u64) -> usize {
        self.undo();
        self.write_typed();
        let (params, func, reach) = turn.of();
        let began = self.session.instructions();
        let (mut made, mut silent, first) = (0, 0, self.logged());
        while made < most
            && silent < TURN_SILENT
            && self.logged().saturating_sub(first) < room
            && !self.is_over()
        {
            let used = self.session.instructions() - began;
            if used >= TURN_INSTRUCTIONS {
                break;
            }
            let logged = self.logged();
            let args = self.turn_args(params, made);
            let own = self.made_up_budget(func, reach);
            let room = TURN_INSTRUCTIONS - used;
            let budget =
                Budget { instructions: Some(own.instructions.map_or(room, |own| own.min(room))), ..own };
            match turn {
                Turn::Export(one) => {
                    self.call_within(one, EntryKind::Export, args, !params.is_empty(), &budget);
                }
                Turn::Told(one) => self.call_target(one, args, &budget),
            }
            made += 1;
            if self.settle() {
                break;
            }
            silent = if self.logged() == logged { silent + 1 } else { 0 };
        }
        self.undo();
        made
    }

    /// Where what is typed lies in memory: the lowest byte of an address may be a letter.
    fn typed_at(&self) -> u32 {
        self.material.page.wrapping_add(TYPED).wrapping_add(255) & !255
    }

    /// Writes letters wherever such an address leads, up to a zero.
    fn write_typed(&mut self) {
        if self.material.page > 0 {
            let letters = typed::letters(self.options.seed.number()).into_iter().cycle();
            let text: Vec<u8> = letters.take(256 + args::LEN as usize).chain([0]).collect();
            _ = self.session.write_host_memory(self.typed_at().into(), &text);
        }
    }

    /// Arguments of the call after so many others. The first number is a key and the address of a text, and
    /// those after it are keys. An object may come before it.
    fn turn_args(&self, params: &[Type], made: usize) -> Vec<Value> {
        let letters = typed::letters(self.options.seed.number());
        let letter = letters[made % letters.len()];
        let text = self.typed_at().wrapping_add(letter.into());
        let mut args = args::make(params, 0, self.material);
        let is_first = |ty: &Type| matches!(ty, Type::I32 | Type::I64);
        let mut integers = params.iter().enumerate().filter(|(_, ty)| is_first(ty)).map(|(at, _)| at);
        let object = integers.next().filter(|_| self.material.handle.is_some());
        let first = if object.is_some() { integers.next() } else { params.iter().position(is_first) };
        for (at, value) in args.iter_mut().enumerate() {
            match value {
                Value::I32(value) if Some(at) == first => *value = text as i32,
                Value::I64(value) if Some(at) == first => *value = text.into(),
                Value::I32(value) if Some(at) != object => *value = letter.into(),
                Value::I64(value) if Some(at) != object => *value = letter.into(),
                Value::F32(value) => *value = (FRAME * made as f64) as f32,
                Value::F64(value) => *value = FRAME * made as f64,
                _ => {}
            }
        }
        args
    }
}
