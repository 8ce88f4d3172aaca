//! The tables of `docs/scan.md` are those of the rows; `BLESS=1` renews them.

use std::{fs, path::Path};

use crate::{columns::Column, rows::TABLES};

/// The lines of the first table after the heading of `name`, as ranges of bytes.
fn place(docs: &str, name: &str) -> std::ops::Range<usize> {
    let heading = docs.find(&format!("### `{name}`")).unwrap_or_else(|| panic!("no heading for {name}"));
    let start = heading + docs[heading..].find("\n|").expect("a table") + 1;
    let end = docs[start..].find("\n\n").map_or(docs.len(), |len| start + len);
    start..end
}

#[test]
fn the_documentation_has_the_columns_of_all_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scan.md");
    let found = fs::read_to_string(&path).unwrap();
    let mut docs = found.clone();
    for table in TABLES {
        let rows: Vec<_> = (table.columns)().iter().map(Column::to_markdown).collect();
        let text = format!("| field | type | meaning |\n|---|---|---|\n{}", rows.join("\n"));
        docs.replace_range(place(&docs, table.name), &text);
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &docs).unwrap();
        return;
    }
    assert!(found == docs, "BLESS=1 renews the tables of docs/scan.md");
}

#[test]
fn names_of_columns_are_unique_and_all_are_described() {
    for table in TABLES {
        let columns = (table.columns)();
        for (position, column) in columns.iter().enumerate() {
            assert!(columns[..position].iter().all(|other| other.name != column.name), "{column:?}");
            assert!(column.doc.concat().trim().len() > 4, "{column:?}");
        }
    }
}
