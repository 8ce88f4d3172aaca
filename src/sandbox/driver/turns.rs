//! What a page calls again and again, with each frame or each tick of a timer: an export may do little to a
//! file in a call and much in a thousand.
//!
//! Only exports are called so that lead to files. A series goes on as long as each call calls the host.

use super::{
    Driver, args,
    candidates::Candidate,
    limits::{EXPLORE_LOGGED, TURN_CALLS, TURN_EXPORTS, TURN_INSTRUCTIONS, TURNS},
    names::Role,
};
use crate::{
    sandbox::types::EntryKind,
    tracer::{Budget, Type},
};

impl Driver<'_> {
    /// Calls again and again what a page may call so.
    pub(super) fn turns(&mut self, chosen: &[Candidate]) {
        let mut left = TURN_CALLS;
        for candidate in chosen.iter().filter(|one| takes_turns(one)).take(TURN_EXPORTS) {
            // What floods the log has been seen.
            if left == 0 || self.logged() > EXPLORE_LOGGED {
                return;
            }
            left -= self.series(candidate, TURNS.min(left));
        }
    }

    /// One series of calls, from the state that was kept; how many there were.
    fn series(&mut self, candidate: &Candidate, most: usize) -> usize {
        self.undo();
        let began = self.session.instructions();
        let mut made = 0;
        while made < most && !self.is_over() {
            let used = self.session.instructions() - began;
            if used >= TURN_INSTRUCTIONS {
                break;
            }
            let logged = self.logged();
            let args = args::make(&candidate.params, 0, self.material);
            let own = self.made_up_budget(candidate.func, candidate.reach);
            let room = TURN_INSTRUCTIONS - used;
            let budget =
                Budget { instructions: Some(own.instructions.map_or(room, |own| own.min(room))), ..own };
            self.call_within(candidate, EntryKind::Export, args, !candidate.params.is_empty(), &budget);
            made += 1;
            if self.settle() || self.logged() == logged {
                break;
            }
        }
        self.undo();
        made
    }
}

/// Whether an export may be called so: it takes a number at most, and leads to files.
fn takes_turns(candidate: &Candidate) -> bool {
    let is_number = |ty: &Type| matches!(ty, Type::I32 | Type::I64 | Type::F32 | Type::F64);
    candidate.reach.has_files
        && candidate.params.len() <= 1
        && candidate.params.iter().all(is_number)
        && matches!(candidate.role, Role::Other | Role::Create)
}
