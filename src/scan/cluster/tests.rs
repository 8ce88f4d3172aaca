use super::*;
use crate::scan::{
    limits::SPILL_HELD,
    sketch::{Builder, mix},
};

fn sample(number: u64, family: u64, shared: u64, own: u64) -> rows::SampleRow {
    let mut builder = Builder::default();
    (0..shared).for_each(|element| builder.add(mix(family) ^ element));
    (0..own).for_each(|element| builder.add(mix(number ^ 0xffff_0000) ^ element));
    rows::SampleRow {
        sha256: format!("{number:064x}"),
        imphash: Some(format!("{family:032x}").chars().rev().collect()),
        code_sketch: builder.finish(1).map(|sketch| sketch.to_hex()),
        ..rows::SampleRow::default()
    }
}

fn rows_of(samples: impl IntoIterator<Item = rows::SampleRow>) -> Vec<ClusterRow> {
    let mut index = Index::default();
    samples.into_iter().for_each(|sample| index.add(&sample).unwrap());
    index.groups().unwrap().rows().collect()
}

#[test]
fn families_are_found_and_strangers_are_not() {
    let families = 40;
    // Similarity within a family: 900 / 1100.
    let relatives = (0..400).map(|number| sample(number, number % families, 900, 100));
    let strangers = (400..500).map(|number| sample(number, number, 10, 1000));
    let rows = rows_of(relatives.chain(strangers));
    let code: Vec<_> = rows.iter().filter(|row| row.kind == ClusterKind::Code).collect();
    assert_eq!(code.len(), 400);
    assert!(code.iter().all(|row| row.size == 10), "{:?}", code.first());
    let imports = rows.iter().filter(|row| row.kind == ClusterKind::Imports && row.size == 10).count();
    assert_eq!(imports, 400);
}

#[test]
fn groups_come_by_size_and_are_named_by_their_first() {
    let rows = rows_of([5, 1, 9, 3, 7].map(|number| sample(number, u64::from(number > 4), 50, 0)));
    let of_imports = rows.iter().filter(|row| row.kind == ClusterKind::Imports);
    let shown: Vec<_> = of_imports.map(|row| (&row.cluster[63..], row.size, &row.sha256[63..])).collect();
    assert_eq!(shown, [("5", 3, "5"), ("5", 3, "7"), ("5", 3, "9"), ("1", 2, "1"), ("1", 2, "3")]);
}

#[test]
fn the_order_of_samples_does_not_count() {
    let of = |numbers: &mut dyn Iterator<Item = u64>| {
        rows_of(numbers.map(|number| sample(number, number % 5, 500, 100)))
    };
    assert_eq!(of(&mut (0..50)), of(&mut (0..50).rev()));
}

#[test]
fn work_does_not_grow_with_the_square() {
    // All pairs would be 400 million comparisons: minutes, and nextest ends the test.
    let rows = rows_of((0..5000).map(|number| sample(number, 1, 200, 5)));
    assert_eq!(rows.iter().filter(|row| row.kind == ClusterKind::Code && row.size == 5000).count(), 5000);
}

#[test]
fn what_is_written_to_the_file_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut spill = Spill::within(folder.path());
    let entry = |number: u8| Entry {
        sha256: [number; 32],
        imports: number.is_multiple_of(2).then_some(u64::from(number)),
        code: number.is_multiple_of(3).then_some(Sketch([u16::from(number) * 257; 128])),
        behaviour: number.is_multiple_of(5).then_some(Sketch(std::array::from_fn(|at| at as u16))),
    };
    let mut rounds = SPILL_HELD / 256 / 100 + 2;
    for _ in 0..rounds {
        (0..=255).for_each(|number| spill.push(&entry(number)).unwrap());
    }
    for part in [Part::Code, Part::Behaviour, Part::None] {
        let mut at = 0usize;
        spill
            .each(part, |found| {
                let whole = entry(at as u8);
                let code = whole.code.filter(|_| part == Part::Code);
                let behaviour = whole.behaviour.filter(|_| part == Part::Behaviour);
                assert_eq!(found, Entry { code, behaviour, ..whole });
                at += 1;
            })
            .unwrap();
        assert_eq!((at, spill.len()), (256 * rounds, 256 * rounds));
        // Between two readings something may be added, and goes behind what is there.
        (0..=255).for_each(|number| spill.push(&entry(number)).unwrap());
        rounds += 1;
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
}

#[test]
fn a_place_for_the_file_that_is_gone_is_an_error() {
    let mut spill = Spill::within(Path::new("/no/such/folder"));
    let entry = Entry { sha256: [0; 32], imports: None, code: Some(Sketch([0; 128])), behaviour: None };
    let failed = (0..=SPILL_HELD / 256).find_map(|_| spill.push(&entry).err());
    assert!(failed.is_some_and(|error| error.kind() == io::ErrorKind::NotFound));
}
