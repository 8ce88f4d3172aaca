//! Tables of a scan as Parquet: the same columns, the same rows, and the queries of `docs/scan.md`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use wasmspoor::{
    analysis::Analysis,
    rules, sandbox,
    scan::{
        cluster::{self, Index},
        describe,
        rows::{self, SampleRows},
        store::{Settings, Store},
    },
};
use wasmspoor_needs::needs;

/// Samples of `corpus/` that are quick, hostile and harmless ones.
const SAMPLES: [&str; 8] =
    ["miner", "cryptonight", "wiper", "dropper", "agent", "benign-base64", "benign-json", "v3-uuid"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder as a scan leaves it.
fn scanned(folder: &Path) {
    let settings = Settings { schema: rows::SCHEMA.into(), version: "1".into(), options: Vec::new() };
    let mut store = Store::open(folder, &settings, false, |_| (), |_| ()).unwrap();
    let (options, rules, mut index) =
        (sandbox::RunOptions::default(), rules::Set::builtin(), Index::default());
    for (number, name) in SAMPLES.iter().enumerate() {
        let path = root().join(format!("corpus/{name}.wat"));
        let mut options = options.clone();
        // A debug build is slow, and nothing here depends on how far a run gets.
        options.entry_decisions = Some(200_000);
        let analysis = Analysis::of(&fs::read(&path).unwrap(), &options, &rules);
        let sha256 = format!("{:064x}", number + 1);
        let mut outcome = describe::outcome(&analysis, &sha256);
        outcome.sample.sha256.clone_from(&sha256);
        outcome.sample.origin =
            rows::Origin { path: format!("corpus/{name}.wat"), path_base64: None, inside: vec![] };
        let place = rows::Path {
            origin: outcome.sample.origin.clone(),
            sha256: Some(sha256),
            size: Some(1),
            failure: None,
        };
        index.add(&outcome.sample).unwrap();
        store.append(Some(&outcome), Some(&place)).unwrap();
    }
    let failure =
        Some(rows::Failure { kind: rows::FailureKind::Timeout, text: "no result within 1 s".into() });
    let origin = rows::Origin {
        path: "archive.zip".into(),
        path_base64: None,
        inside: vec!["zip:a \"b\"\n.wasm".into()],
    };
    let sample = rows::SampleRow {
        sha256: "f".repeat(64),
        origin: origin.clone(),
        failure,
        ..rows::SampleRow::default()
    };
    let place = rows::Path { origin, sha256: Some(sample.sha256.clone()), size: Some(5), failure: None };
    store.append(Some(&SampleRows { sample, ..SampleRows::default() }), Some(&place)).unwrap();
    let broken = Some(rows::Failure { kind: rows::FailureKind::Broken, text: "invalid Zip archive".into() });
    let origin = rows::Origin { path: "broken.zip".into(), path_base64: None, inside: vec!["zip".into()] };
    store.append(None, Some(&rows::Path { origin, sha256: None, size: None, failure: broken })).unwrap();
    let clusters = index.groups().unwrap();
    store
        .replace("clusters.jsonl", |file| {
            clusters.rows().try_for_each(|row| wasmspoor::text::write_json_line(file, &row))
        })
        .unwrap();
}

#[test]
fn columns_are_the_fields_that_a_scan_writes() {
    let schemas = [
        ("samples", schemars::schema_for!(rows::SampleRow)),
        ("paths", schemars::schema_for!(rows::Path)),
        ("functions", schemars::schema_for!(rows::FunctionRow)),
        ("host_calls", schemars::schema_for!(rows::HostCallRow)),
        ("findings", schemars::schema_for!(rows::FindingRow)),
        ("clusters", schemars::schema_for!(cluster::ClusterRow)),
    ];
    assert!(schemas.iter().map(|(name, _)| *name).eq(wasmspoor_parquet::tables()));
    let docs = fs::read_to_string(root().join("docs/scan.md")).unwrap();
    for (table, written) in schemas {
        let fields: BTreeSet<_> =
            written.get("properties").unwrap().as_object().unwrap().keys().cloned().collect();
        let schema = wasmspoor_parquet::schema(table).unwrap();
        let columns: BTreeSet<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(columns, fields, "{table}");
        let start = docs
            .find(&format!("### `{table}`"))
            .unwrap_or_else(|| panic!("docs/scan.md does not describe {table}"));
        let section = docs[start + 4..].split("\n#").next().unwrap();
        for field in fields {
            assert!(
                section.contains(&format!("`{field}`")),
                "docs/scan.md does not describe {table}.{field}"
            );
        }
    }
}

#[test]
fn every_row_arrives() {
    let folder = tempfile::tempdir().unwrap();
    scanned(folder.path());
    let rows = wasmspoor_parquet::convert(folder.path()).unwrap();
    assert_eq!(rows.len(), 6);
    for (table, rows) in rows {
        let lines = fs::read_to_string(folder.path().join(format!("{table}.jsonl"))).unwrap();
        assert_eq!(rows, lines.lines().count() as u64, "{table}");
        let file = fs::File::open(folder.path().join(format!("{table}.parquet"))).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
            .unwrap()
            .build()
            .unwrap();
        let read: Vec<_> = reader.map(|batch| batch.unwrap()).collect();
        assert_eq!(read.iter().map(|batch| batch.num_rows()).sum::<usize>() as u64, rows, "{table}");
        let mut text = arrow_json::LineDelimitedWriter::new(Vec::new());
        read.iter().for_each(|batch| text.write(batch).unwrap());
        text.finish().unwrap();
        let values = |text: &str| -> Vec<serde_json::Value> {
            text.lines().map(|line| without_nulls(serde_json::from_str(line).unwrap())).collect()
        };
        assert_eq!(values(&String::from_utf8(text.into_inner()).unwrap()), values(&lines), "{table}");
    }
}

#[test]
fn instructions_with_values_are_read_again() {
    let row = |number: u64| wasmspoor_parquet::InstructionRow {
        number,
        function: 7,
        offset: 0x1a6,
        opcode: "i32.store8".into(),
        operands: vec!["i32 16".into(), format!("i32 {number}")],
        results: Vec::new(),
        memory: number.is_multiple_of(2).then_some(0),
        address: number.is_multiple_of(2).then_some(16),
        bytes: Some(1),
        from_memory: None,
        from_address: None,
    };
    let total = 3 * wasmspoor_parquet::BATCH as u64 + 5;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.parquet");
    let mut writer = wasmspoor_parquet::InstructionWriter::new(fs::File::create(&path).unwrap()).unwrap();
    (0..total).for_each(|number| writer.push(row(number)).unwrap());
    writer.finish().unwrap();
    let file = fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut text = arrow_json::LineDelimitedWriter::new(Vec::new());
    reader.build().unwrap().for_each(|batch| text.write(&batch.unwrap()).unwrap());
    text.finish().unwrap();
    let text = String::from_utf8(text.into_inner()).unwrap();
    let rows =
        text.lines().map(|line| serde_json::from_str::<wasmspoor_parquet::InstructionRow>(line).unwrap());
    assert!(rows.eq((0..total).map(row)));
}

#[test]
fn numbers_have_signs_and_pages_are_compressed_with_zstd() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.jsonl");
    let row = |instructions: u64| rows::SampleRow { instructions, score: 255, ..rows::SampleRow::default() };
    let lines = [7, u64::MAX].map(|number| serde_json::to_string(&row(number)).unwrap() + "\n");
    fs::write(path, lines.concat()).unwrap();
    wasmspoor_parquet::convert(folder.path()).unwrap();
    let file = fs::File::open(folder.path().join("samples.parquet")).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    for column in reader.metadata().row_groups().iter().flat_map(|group| group.columns()) {
        assert!(matches!(column.compression(), parquet::basic::Compression::ZSTD(_)), "{column:?}");
    }
    assert!(reader.schema().fields().iter().all(|field| !field.data_type().is_unsigned_integer()));
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let mut text = arrow_json::LineDelimitedWriter::new(Vec::new());
    text.write(&batch).unwrap();
    text.finish().unwrap();
    let text = String::from_utf8(text.into_inner()).unwrap();
    let values: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown =
        |at: usize| (values[at]["instructions"].as_u64().unwrap(), values[at]["score"].as_u64().unwrap());
    assert_eq!((shown(0), shown(1)), ((7, 255), (i64::MAX as u64, 255)));
}

/// Writes the files of the version in the making with `BLESS=1`; see `tests/released.rs`.
#[test]
fn files_of_released_versions_have_columns_of_today() {
    let released = root().join("tests/released");
    let changes = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    if std::env::var_os("BLESS").is_some() && changes.contains(&format!("## {version} (unreleased)")) {
        let folder = tempfile::tempdir().unwrap();
        scanned(folder.path());
        wasmspoor_parquet::convert(folder.path()).unwrap();
        let tables = released.join(version).join("parquet");
        fs::create_dir_all(&tables).unwrap();
        for table in wasmspoor_parquet::tables() {
            let name = format!("{table}.parquet");
            fs::copy(folder.path().join(&name), tables.join(&name)).unwrap();
        }
    }
    let mut files = 0;
    for version in fs::read_dir(released).unwrap() {
        for table in wasmspoor_parquet::tables() {
            let path = version.as_ref().unwrap().path().join(format!("parquet/{table}.parquet"));
            let Ok(file) = fs::File::open(&path) else { continue };
            let reader =
                parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            let today = wasmspoor_parquet::schema(table).unwrap();
            for (at, column) in reader.schema().fields().iter().enumerate() {
                let now = today.field(at);
                let same = (now.name(), now.data_type()) == (column.name(), column.data_type());
                assert!(same, "{}: {column:?} is {now:?} today", path.display());
            }
            let rows: usize = reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
            assert!(rows > 0, "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 5, "{files}");
}

/// Without members that are null: in Parquet, a field that is absent and one that is null are the same.
fn without_nulls(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    value
}

#[test]
fn a_line_that_is_cut_is_left_out_and_one_that_is_no_row_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let row = r#"{"kind":"code","cluster":"a","size":2,"sha256":"b"}"#;
    let path = folder.path().join("clusters.jsonl");
    fs::write(&path, format!("{row}\n{row}\n{{\"kind\":\"co")).unwrap();
    assert_eq!(wasmspoor_parquet::convert(folder.path()).unwrap(), [("clusters", 2)]);
    for wrong in ["{\"kind\": 5}\n", "[]\n", "{\"kind\":\"a\"}\n", "{]\n"] {
        fs::write(&path, wrong).unwrap();
        assert!(wasmspoor_parquet::convert(folder.path()).is_err(), "{wrong}");
    }
}

/// The queries of `docs/scan.md`.
fn queries() -> Vec<String> {
    let docs = fs::read_to_string(root().join("docs/scan.md")).unwrap();
    let blocks = docs.split("```sql\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().trim().to_owned()).collect()
}

/// Runs a query in a folder with DuckDB's Python package. `SPOOR_PYTHON` names an interpreter that has it
/// (`pip install duckdb`).
fn duckdb(folder: &Path, query: &str) -> Result<String, String> {
    let python = std::env::var("SPOOR_PYTHON").unwrap_or_else(|_| "python3".into());
    let script =
        "import duckdb, sys, json; print(json.dumps(duckdb.sql(sys.argv[1]).fetchall(), default=str))";
    let output = Command::new(&python).args(["-c", script, query]).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[needs("duckdb")]
#[test]
fn the_queries_of_the_docs_give_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    scanned(folder.path());
    wasmspoor_parquet::convert(folder.path()).unwrap();
    let queries = queries();
    assert!(queries.len() >= 5, "{} queries", queries.len());
    let mut answers = Vec::new();
    for query in &queries {
        let answer = duckdb(folder.path(), query).unwrap_or_else(|error| panic!("{query}\n{error}"));
        // The same from the JSON lines.
        let lines = duckdb(folder.path(), &query.replace(".parquet'", ".jsonl'"));
        assert_eq!(lines.unwrap_or_else(|error| panic!("{query}\n{error}")), answer, "{query}");
        let rows: Vec<serde_json::Value> = serde_json::from_str(&answer).unwrap();
        assert!(!rows.is_empty(), "no row: {query}");
        answers.push(answer);
    }
    assert!(answers[0].contains("MALICIOUS"), "{}", answers[0]);
    assert!(answers[4].contains("timeout") && answers[4].contains("broken"), "{}", answers[4]);
}
