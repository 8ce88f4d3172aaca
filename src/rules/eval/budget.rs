//! What an evaluation may cost. Rules are input as the sample is: a rule of ten lines on a sample of a
//! hundred thousand host calls can ask for more than anyone waits for.
//!
//! A step is an item looked at (a call, a name, an instruction, an instance) or [`BYTES`] bytes searched. A
//! regular expression may take more than a look at each byte: then as many steps for each. Steps and not
//! time, so that the same input gives the same matches on every machine. When they are spent, what is not yet
//! known stays unknown: nothing more holds, no `not` either.

pub(super) use super::limits::{ALL_STEPS, RULE_STEPS};
use std::cell::Cell;

/// Bytes searched that are one step.
const BYTES: usize = 32;

/// The steps that are left, and whether something is unknown.
#[derive(Debug)]
pub(super) struct Budget {
    of_rule: Cell<u64>,
    of_all: Cell<u64>,
    is_cut: Cell<bool>,
    is_unknown: Cell<bool>,
    /// Whether what the sample gave its host used up the steps of the rule.
    is_starved: Cell<bool>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            of_rule: Cell::new(RULE_STEPS),
            of_all: Cell::new(ALL_STEPS),
            is_cut: Cell::new(false),
            is_unknown: Cell::new(false),
            is_starved: Cell::new(false),
        }
    }
}

impl Budget {
    /// Begins another rule.
    pub(super) fn begin(&self) {
        self.of_rule.set(RULE_STEPS.min(self.of_all.get()));
        self.is_cut.set(false);
        self.is_unknown.set(false);
        self.is_starved.set(false);
    }

    /// Says whether there were no steps left to search what the sample gave its host.
    pub(super) fn starve(&self, is_starved: bool) {
        self.is_starved.set(self.is_starved.get() | is_starved);
    }

    /// Whether there were none.
    pub(super) fn is_starved(&self) -> bool {
        self.is_starved.get()
    }

    /// Takes `steps`; `false` if there are none left for them.
    pub(super) fn spend(&self, steps: u64) -> bool {
        match self.of_rule.get().checked_sub(steps) {
            Some(left) => {
                self.of_rule.set(left);
                self.of_all.set(self.of_all.get().saturating_sub(steps));
                true
            }
            None => {
                self.of_all.set(self.of_all.get().saturating_sub(self.of_rule.replace(0)));
                self.is_cut.set(true);
                self.is_unknown.set(true);
                false
            }
        }
    }

    /// As [`Self::spend`], for so many items.
    pub(super) fn spend_len(&self, len: usize) -> bool {
        self.spend(len as u64)
    }

    /// As [`Self::spend`], for a search of so many bytes with a pattern of some
    /// [weight](crate::rules::pattern::Pattern::weight).
    pub(super) fn spend_search(&self, bytes: usize, weight: usize) -> bool {
        self.spend_len((1 + bytes / BYTES).saturating_mul(weight))
    }

    /// Steps left for this rule.
    pub(super) fn left(&self) -> usize {
        usize::try_from(self.of_rule.get()).unwrap_or(usize::MAX)
    }

    /// Notes that something asked for cannot be known.
    pub(super) fn doubt(&self) {
        self.is_unknown.set(true);
    }

    /// Whether the steps of this rule did not suffice.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.get()
    }

    /// Runs `ask` and says, beside its answer, whether something in it was unknown.
    pub(super) fn asking<T>(&self, ask: impl FnOnce() -> T) -> (T, bool) {
        let before = self.is_unknown.replace(false);
        let answer = ask();
        let is_unknown = self.is_unknown.get();
        self.is_unknown.set(before || is_unknown);
        (answer, is_unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spent_steps_leave_doubt_until_the_next_rule() {
        let budget = Budget::default();
        assert!(budget.spend(RULE_STEPS) && !budget.is_cut());
        let ((), unknown) = budget.asking(|| assert!(!budget.spend_search(0, 1)));
        assert!(unknown && budget.is_cut() && budget.left() == 0);
        budget.begin();
        assert!(budget.spend_len(1) && !budget.is_cut());
        assert!(!budget.asking(|| ()).1);
    }

    #[test]
    fn all_rules_together_have_an_end() {
        let budget = Budget::default();
        let rules = (0..100).take_while(|_| {
            budget.begin();
            budget.spend(RULE_STEPS)
        });
        assert_eq!(rules.count() as u64, ALL_STEPS / RULE_STEPS);
    }
}
