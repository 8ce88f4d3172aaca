//! `spoor-parquet DIR`: writes the tables of a `spoor scan --out DIR` as Parquet files, beside the JSON
//! lines.

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let words: Vec<_> = env::args_os().skip(1).collect();
    let [folder] = &words[..] else {
        eprintln!(
            "usage: spoor-parquet DIR\n\nDIR is the --out folder of `spoor scan`; each table NAME.jsonl in it becomes NAME.parquet."
        );
        return ExitCode::from(2);
    };
    match wasmspoor_parquet::convert(Path::new(folder)) {
        Ok(tables) if tables.is_empty() => {
            eprintln!("spoor-parquet: there is no table in this folder");
            ExitCode::from(2)
        }
        Ok(tables) => {
            tables.iter().for_each(|(name, rows)| println!("{name}.parquet: {rows} rows"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            // A table is ours, but a line of it may be anyone's.
            eprintln!("spoor-parquet: {}: {}", error.path.display(), error.kind.to_string().escape_debug());
            ExitCode::from(5)
        }
    }
}
