//! The virtual clock: it advances with the work that the sample does, jumps over sleeps, and never looks at a
//! real one.
//!
//! About the time that a browser's optimised code would take. So a sample that measures itself sees a
//! plausible machine, on whatever machine and however slowly it is traced.

use super::random::Random;

/// Picoseconds of an executed instruction, and of a byte that a bulk operation moves.
const INSTRUCTION_PS: u64 = 400;
const BYTE_PS: u64 = 50;
/// Nanoseconds of a host call, besides up to [`JITTER_NS`] that the seed decides.
const CALL_NS: u64 = 120;
const JITTER_NS: u64 = 64;

/// The clock of a run.
#[derive(Debug)]
pub(super) struct Clock {
    epoch_ns: u64,
    /// Work seen last, in picoseconds.
    work_ps: u64,
    now_ns: u64,
    random: Random,
    pub(super) slept_ns: u64,
    pub(super) sleeps: u64,
}

impl Clock {
    pub(super) fn new(epoch_ns: u64, seed: u64) -> Self {
        // A program does not start at a round nanosecond.
        let mut random = Random::new(seed ^ 0x636c_6f63_6b00);
        let now_ns = 1_000_000 + random.next() % 1_000_000;
        Self { epoch_ns, work_ps: 0, now_ns, random, slept_ns: 0, sleeps: 0 }
    }

    /// A host call begins after so many instructions, and bytes moved by bulk operations.
    pub(super) fn tick(&mut self, instructions: u64, bytes: u64) {
        let work_ps =
            instructions.saturating_mul(INSTRUCTION_PS).saturating_add(bytes.saturating_mul(BYTE_PS));
        let made = work_ps.saturating_sub(self.work_ps) / 1_000;
        self.work_ps = self.work_ps.max(work_ps);
        let jitter = self.random.next() % JITTER_NS;
        self.now_ns = self.now_ns.saturating_add(made).saturating_add(CALL_NS + jitter);
    }

    /// Nanoseconds since the start of the run.
    pub(super) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Nanoseconds since 1970.
    pub(super) fn real_ns(&self) -> u64 {
        self.epoch_ns.saturating_add(self.now_ns)
    }

    /// The sample sleeps: time passes at once.
    pub(super) fn sleep(&mut self, ns: u64) {
        self.now_ns = self.now_ns.saturating_add(ns);
        self.slept_ns = self.slept_ns.saturating_add(ns);
        self.sleeps += 1;
    }
}

/// A date and time in UTC, as `struct tm` counts them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// 0 to 11.
    pub(super) month: u32,
    /// 1 to 31.
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    /// Sunday is 0.
    pub(super) weekday: u32,
    /// The first of January is 0.
    pub(super) yearday: u32,
}

/// The date of `seconds` since 1970 in the Gregorian calendar. Counts in eras of 400 years that begin in
/// March.
pub(super) fn civil(seconds: i64) -> Civil {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400) as u32);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * from_march + 2) / 153;
    let day = (from_march - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = ((shifted_month + 2) % 12) as u32;
    let year = era * 400 + year_of_era + i64::from(month < 2);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let yearday = if month < 2 { from_march - 306 } else { from_march + 59 + i64::from(is_leap) } as u32;
    let weekday = (days + 4).rem_euclid(7) as u32;
    Civil { year, month, day, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60, weekday, yearday }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_with_work_calls_and_sleeps() {
        let mut clock = Clock::new(1_000, 7);
        let start = clock.now_ns();
        clock.tick(0, 0);
        let call = clock.now_ns() - start;
        assert!((CALL_NS..CALL_NS + JITTER_NS).contains(&call));
        clock.tick(10_000_000, 20_000_000);
        let (work, calls) = (4_000_000 + 1_000_000, 2 * (CALL_NS + JITTER_NS));
        assert!((work..work + calls).contains(&(clock.now_ns() - start)));
        clock.sleep(5);
        assert_eq!((clock.slept_ns, clock.sleeps, clock.real_ns()), (5, 1, clock.now_ns() + 1_000));
        clock.sleep(u64::MAX);
        clock.tick(u64::MAX, 1);
        assert_eq!(clock.now_ns(), u64::MAX);
    }

    #[test]
    fn dates() {
        for (seconds, year, month, day, weekday, yearday) in [
            (0, 1970, 0, 1, 4, 0),
            (951_782_400, 2000, 1, 29, 2, 59),
            (951_868_800, 2000, 2, 1, 3, 60),
            (1_767_254_400, 2026, 0, 1, 4, 0),
            (1_798_675_200, 2026, 11, 31, 4, 364),
            (-86_400, 1969, 11, 31, 3, 364),
        ] {
            let date = civil(seconds);
            assert_eq!(
                (date.year, date.month, date.day, date.weekday, date.yearday),
                (year, month, day, weekday, yearday),
                "{seconds}"
            );
        }
        let noon = civil(1_767_254_400 + 43_261);
        assert_eq!((noon.hour, noon.minute, noon.second), (20, 1, 1));
    }
}
