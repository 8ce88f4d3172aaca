//! An entry of a run: what it may use up, and whether it still comes to new things.

use std::time::{Duration, Instant};

use super::Capture;
use crate::tracer::limits::{Budget, Limit, NEWS, NEWS_OF_CALL};

/// The part of a run that has a budget of its own.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) deadline: Option<Instant>,
    /// Work at which it is over.
    pub(super) work: Option<u64>,
    pub(super) instructions: Option<u64>,
    /// Host calls of the session at which it is over.
    pub(super) host_calls: Option<u64>,
    pub(super) stopped_by: Option<Limit>,
    /// The budget that it was given, and the work when it began. Then the quarters of the budget that are
    /// used up, and the news when the last three of them began.
    pub(super) budget: Budget,
    began: u64,
    quarters: u64,
    news: [u64; 3],
    /// The news when it began, or when it was last given more time.
    news_in_time: u64,
}

impl Entry {
    /// Quarters of its budget that are used up after so much work and so many instructions.
    fn quarters(&self, work: u64, instructions: u64) -> u64 {
        let of = |used: u64, all: Option<u64>| all.map_or(0, |all| used.saturating_mul(4) / all.max(1));
        of(work.saturating_sub(self.began), self.budget.work).max(of(instructions, self.budget.instructions))
    }
}

impl Capture {
    /// Begins an entry with a budget of its own.
    pub(in crate::tracer) fn arm(&mut self, budget: &Budget) {
        let news = self.news();
        self.entry = Entry {
            deadline: budget.time.map(|time| Instant::now() + time.min(Duration::from_secs(1 << 30))),
            work: budget.work.map(|work| self.work.saturating_add(work)),
            instructions: budget.instructions,
            host_calls: budget.host_calls.map(|calls| self.host_calls.saturating_add(calls)),
            stopped_by: None,
            budget: budget.clone(),
            began: self.work,
            quarters: 0,
            news: [news; 3],
            news_in_time: news,
        };
        self.host_called_at = self.work;
        self.last_place = None;
    }

    /// Basic blocks that ran, each once, as far as instructions were counted.
    pub(in crate::tracer) fn blocks_seen(&mut self) -> u64 {
        self.instruction_counter.as_mut().map_or(0, |counter| counter.known().blocks_seen())
    }

    /// How much new was seen: code that had not run before, host functions not called before.
    fn news(&mut self) -> u64 {
        self.blocks_seen() + NEWS_OF_CALL * self.hosts.len() as u64
    }

    /// Whether new things came up in the last two quarters of what the entry was given. Code is known to be
    /// new some hundred thousand decisions after it ran.
    pub(super) fn is_new(&mut self) -> bool {
        self.news() >= self.entry.news[0] + NEWS
    }

    /// Whether new things came up in the time that the entry was last given. Quarters say nothing of it: a
    /// slow machine is in the first one when the time is over, and a budget of time alone has none.
    pub(super) fn came_to_new(&mut self) -> bool {
        let news = self.news();
        news >= std::mem::replace(&mut self.entry.news_in_time, news) + NEWS
    }

    /// Quarters of the entry's budget that are used up; 0 if they are no more than before.
    fn quarters(&mut self) -> u64 {
        let (entry, work, entries) = (&self.entry, self.work, self.entries);
        let Some(counter) = &mut self.instruction_counter else { return entry.quarters(work, 0) };
        match entry.quarters(work, counter.most_of_entry(entries)) > entry.quarters {
            true => entry.quarters(work, counter.known().of_entry(entries)),
            false => 0,
        }
    }

    /// Keeps in mind how much was new when each quarter of the entry's budget began.
    pub(super) fn mark_quarter(&mut self) {
        let quarters = self.quarters();
        if quarters > self.entry.quarters {
            self.entry.quarters = quarters;
            let [_, before, last] = self.entry.news;
            self.entry.news = [before, last, self.news()];
        }
    }

    /// Whether the entry has made as many host calls as it may. New code earns no more:
    /// the log has an end.
    pub(super) fn has_called_enough(&mut self) -> bool {
        let has_called_enough = self.entry.host_calls.is_some_and(|limit| self.host_calls >= limit);
        if has_called_enough {
            self.entry.stopped_by.get_or_insert(Limit::HostCalls);
        }
        has_called_enough
    }

    /// Gives an entry that used its budget up as much again if it still comes to new things. Depends on the
    /// run alone, not on the clock.
    pub(super) fn goes_on(&mut self) -> bool {
        let goes_on = self.is_new();
        if goes_on {
            let Budget { work, instructions, .. } = self.entry.budget;
            let more = |limit: &mut Option<u64>, given: Option<u64>| {
                *limit = limit.zip(given).map(|(limit, given)| limit.saturating_add(given));
            };
            more(&mut self.entry.work, work);
            more(&mut self.entry.instructions, instructions);
        }
        goes_on
    }
}
