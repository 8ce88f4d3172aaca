//! The course of a run: the kinds of instructions that ran in each part of it. It also has how many had run
//! when the host was called and when memory grew.
//!
//! Costs one replay, block by block, so it is made for a page and not for every report. Memory follows the
//! code, the columns and the calls of the host.

use crate::{
    module::Op,
    trace::{ExecutedBlock, HostCall, ReplayError, Trace, Visitor},
};

use super::limits::COURSE_GROWTHS;

/// Kinds of instructions that are told apart, with the classes that each takes together.
pub(crate) const KINDS: [(&str, &[&str]); 5] = [
    ("loads", &["load"]),
    ("stores", &["store", "bulk"]),
    ("xor, shifts, logic", &["xor", "rotate", "shift", "logic"]),
    ("arithmetic", &["arithmetic", "compare", "convert"]),
    ("branches, calls", &["control"]),
];

/// Instructions of each of [`KINDS`].
pub(crate) type Kinds = [u64; KINDS.len()];

/// The course of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Course {
    /// Instructions of a column.
    pub(crate) per_column: u64,
    /// What ran, by column: all instructions, and those of each kind.
    pub(crate) columns: Vec<(u64, Kinds)>,
    /// Position of the record of a call of the host → instructions before it. Ascending.
    pub(crate) calls: Vec<(usize, u64)>,
    /// Instructions before a growth of memory or a table → pages or elements from then on; the first of many.
    pub(crate) grown: Vec<(u64, u64)>,
    /// Instructions in all.
    pub(crate) total: u64,
}

impl Course {
    /// The course of a run of about `total` instructions in so many columns.
    ///
    /// # Errors
    ///
    /// When the trace does not fit its modules.
    pub(crate) fn of(trace: &Trace, total: u64, columns: u64) -> Result<Self, ReplayError> {
        let per_column = total.div_ceil(columns.max(1)).max(1);
        let mut follower = Follower { course: Self { per_column, ..Self::default() }, blocks: Vec::new() };
        trace.replay(&mut follower)?;
        Ok(follower.course)
    }

    /// Instructions that had run when the host was called.
    pub(crate) fn at_call(&self, record: usize) -> Option<u64> {
        let at = self.calls.binary_search_by_key(&record, |(record, _)| *record).ok()?;
        self.calls.get(at).map(|(_, instructions)| *instructions)
    }
}

struct Follower {
    course: Course,
    /// Kinds of the instructions of each block, from when it first ran.
    blocks: Vec<Option<[u32; KINDS.len()]>>,
}

fn kinds(ops: &[Op]) -> [u32; KINDS.len()] {
    let classes = crate::module::classes::Classes::of(ops);
    KINDS.map(|(_, names)| names.iter().filter_map(|name| classes.get(name)).sum::<u64>() as u32)
}

impl Follower {
    fn add(&mut self, len: u32, kinds: [u32; KINDS.len()]) {
        let course = &mut self.course;
        let column = (course.total / course.per_column) as usize;
        if course.columns.len() <= column {
            course.columns.resize(column + 1, Default::default());
        }
        let (all, of_kind) = &mut course.columns[column];
        *all += u64::from(len);
        for (sum, count) in of_kind.iter_mut().zip(kinds) {
            *sum += u64::from(count);
        }
        course.total += u64::from(len);
    }
}

impl Visitor for Follower {
    fn block(&mut self, run: ExecutedBlock<'_>) {
        let number = run.number();
        if self.blocks.len() <= number {
            self.blocks.resize(number + 1, None);
        }
        let found = *self.blocks[number].get_or_insert_with(|| kinds(run.ops()));
        self.add(run.len(), found);
    }

    fn cut(&mut self, run: ExecutedBlock<'_>) {
        self.add(run.len(), kinds(run.ops()));
    }

    fn host_call(&mut self, _: Option<ExecutedBlock<'_>>, call: HostCall<'_>) {
        self.course.calls.push((call.record, self.course.total));
    }

    fn grow(&mut self, _: ExecutedBlock<'_>, delta: u64, result: u64) {
        // A refused growth gave -1, in the index type.
        if i32::try_from(result).is_ok_and(|former| former >= 0) && self.course.grown.len() < COURSE_GROWTHS {
            self.course.grown.push((self.course.total, result.saturating_add(delta)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{self, RunOptions};

    #[test]
    fn a_course_tells_what_ran_when() {
        let text = r#"(module
            (import "env" "f" (func $f)) (memory 1)
            (func (export "_start") (local i32)
              (loop (drop (i32.load (i32.const 8)))
                (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 100))))
              (call $f)
              (drop (memory.grow (i32.const 2)))
              (local.set 0 (i32.const 0))
              (loop (i32.store (i32.const 8) (i32.xor (local.get 0) (i32.const 5)))
                (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 100))))))"#;
        let run = sandbox::run(&wat::parse_str(text).unwrap(), &RunOptions::default()).unwrap();
        let total = run.trace.counts().unwrap().of_mnemonic("i32.load") * 10;
        let course = Course::of(&run.trace, 2 * total, 10).unwrap();
        let all: u64 = course.columns.iter().map(|(all, _)| all).sum();
        assert_eq!(all, course.total);
        let of = |kind: usize, half: fn(&usize) -> bool| -> u64 {
            let columns = (0..course.columns.len()).filter(half);
            columns.map(|column| course.columns[column].1[kind]).sum()
        };
        let first: fn(&usize) -> bool = |at| *at < 5;
        let second: fn(&usize) -> bool = |at| *at > 5;
        assert!(of(0, first) > 50 && of(0, second) == 0, "loads come first: {course:?}");
        assert!(of(1, first) == 0 && of(1, second) > 50 && of(2, second) > 50, "stores and xor: {course:?}");
        let [(record, before)] = course.calls[..] else { panic!("{course:?}") };
        assert_eq!(course.at_call(record), Some(before));
        assert!(before > 500 && before < course.total - 500, "{before}");
        let [(at, pages)] = course.grown[..] else { panic!("{course:?}") };
        assert!(at >= before && pages == 3, "{at} {pages}");
    }
}
