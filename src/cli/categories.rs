//! `spoor categories`: the risk levels and function groups of calls.

use std::{collections::BTreeSet, io::Write};

use clap::{Args, ValueEnum};
use serde::Serialize;
use wasmspoor::categories::{self, Category, GROUPS, Mode, RiskLevel};

use super::{Exit, Failure, plural};

/// Print the categories of WASI calls, or the function groups of Linux system calls
///
/// A category is a level and a group, such as A-1. Levels: A alone seen more often in malicious or vulnerable
/// code than in benign code; B in combination with others; C repeated far more often there; D used alike in
/// both; U not in the table. They are correlations of one study, no proof. Groups: 1 file, 2 process, 3
/// module, 4 memory, 5 time, 6 communication, 7 system information, 8 reserved, 9 not implemented, removed or
/// debug, 10 device.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor categories
  spoor categories wasi --paper
  spoor categories linux --json")]
pub(super) struct Arguments {
    /// Which calls
    #[arg(value_enum, default_value_t = Table::Wasi)]
    table: Table,
    /// Only what the study prints: the five calls that its table leaves out are U
    #[arg(long)]
    paper: bool,
    /// Print a list of objects: `call`, `category` (such as A-1, or null) and `group` (or null)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Table {
    /// The 46 calls of WASI preview1
    Wasi,
    /// System calls of Linux on x86-64: groups only
    Linux,
}

/// A row of either table.
#[derive(Serialize)]
struct Row {
    call: &'static str,
    category: Option<Category>,
    group: Option<u8>,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let mode = if arguments.paper { Mode::Paper } else { Mode::Full };
    let rows: Vec<_> = match arguments.table {
        Table::Wasi => categories::wasi().map(|(call, _)| wasi(call, mode)).collect(),
        Table::Linux => categories::linux()
            .map(|(call, group)| Row { call, category: None, group: Some(group) })
            .collect(),
    };
    match arguments.json {
        true => {
            serde_json::to_writer_pretty(&mut *out, &rows)?;
            writeln!(out)?;
        }
        false => write(arguments.table, &rows, out)?,
    }
    Ok(Exit::Done)
}

fn wasi(call: &'static str, mode: Mode) -> Row {
    let category = categories::of(call, mode);
    Row { call, category, group: category.map(|category| category.group) }
}

/// Of a call that the study's table has in two categories, which they are and why one was taken.
fn choice(call: &str) -> String {
    let entry = categories::wasi().find(|(name, _)| *name == call).map(|(_, entry)| entry);
    let printed: BTreeSet<_> =
        entry.iter().flat_map(|entry| &entry.printed).map(Category::to_string).collect();
    match printed.len() {
        0 | 1 => String::new(),
        _ => format!(
            " (in the study's table both {}: taken is the one whose group fits what the call does)",
            printed.into_iter().collect::<Vec<_>>().join(" and ")
        ),
    }
}

fn write(table: Table, rows: &[Row], out: &mut impl Write) -> Result<(), Failure> {
    for row in rows {
        let category = row.category.map_or_else(|| "U".to_owned(), |category| category.to_string());
        let group = row.group.map_or("", categories::group_name);
        match table {
            Table::Wasi => writeln!(out, "{:<24} {category:<5} {group}{}", row.call, choice(row.call))?,
            Table::Linux => writeln!(out, "{:<24} {:<5} {group}", row.call, row.group.unwrap_or_default())?,
        }
    }
    if table == Table::Wasi {
        writeln!(out)?;
        for level in RiskLevel::ALL.into_iter().map(Some).chain([None]) {
            let name = level.map_or_else(|| "U".to_owned(), |level| level.to_string());
            writeln!(out, "{name}  {}", categories::meaning(level))?;
        }
    }
    writeln!(out)?;
    for group in 1..=GROUPS as u8 {
        let calls = rows.iter().filter(|row| row.group == Some(group)).count();
        writeln!(out, "{group:<3} {:<34} {}", categories::group_name(group), plural(calls as u64, "call"))?;
    }
    Ok(())
}
