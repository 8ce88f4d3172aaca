//! `spoor graph`: call graphs, state machine and control flow, in DOT or drawn by Graphviz.

use std::{
    io::{self, Read as _, Seek as _, Write},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use wasmspoor::{
    passes::flow::Flow,
    report::{
        Report, Subject,
        dot::{self, Shown},
    },
    sandbox::Run,
    text::plural,
};

use super::limits::{DRAWN_EDGES, DRAWN_FUNCTIONS, GRAPHVIZ_TIME};
use super::{
    Exit, Failure, export, names, output, refusal, report,
    sample::{self, Analysed},
    symbols,
};

/// Print a graph of a sample: who calls whom, what ran, states, the control flow of a function
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor graph dynamic sample.wasm -f svg -o sample.svg
  spoor graph cfg sample.wasm --function 42
  spoor graph states sample.wasm --invoke main | dot -Tpng > states.png
  spoor graph dynamic sample.wasm --heat --top 40 -f svg -o hot.svg
  spoor graph static-calls sample.wasm --around decrypt --depth 2

With --top or --around the rest is folded into nodes that count it, and calls of it that were never made
are left out. With neither, an svg of more than 1,500 edges is drawn as with --top 60; --top 0 draws all.

Colours: red executed and suspicious (static score above 20), green executed, blue ellipse import, grey and dashed never executed,
orange executed but not in the static graph; with --heat the share of the run, from pale to red. Labels of edges count how often.

Options of the run are refused with a trace file; of one that is cut off or damaged, what can be replayed is drawn,
and the exit code is 1 (static-calls needs no run).
Of a sample that cannot be executed the graphs of the code are printed all the same; the exit code is 3 if it is not valid, 4 if it is.")]
pub(super) struct Arguments {
    /// Which graph
    #[arg(value_enum)]
    kind: Kind,
    /// The sample, binary or text, or a trace file, of which nothing is run; `-` reads a sample from
    /// standard input
    file: PathBuf,
    /// The function of `cfg`: its index in the function space (imports first), or its name
    #[arg(long, value_name = "INDEX|NAME", required_if_eq("kind", "cfg"))]
    function: Option<String>,
    /// Colour by share of the run, width of edges by count (calls, dynamic, cfg)
    #[arg(long)]
    heat: bool,
    /// The N hottest functions and the imports that they call; 0 for all. Of static-calls, those with the
    /// most calls in the code
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    top: Option<usize>,
    /// What lies around a function, given by index or name: those that call it or that it calls
    #[arg(long, value_name = "INDEX|NAME")]
    around: Option<String>,
    /// With --around: so many calls away
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 1, requires = "around")]
    depth: u32,
    /// How it is written; `svg` needs Graphviz
    #[arg(short, long, value_enum, default_value_t = Format::Dot)]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    recorded: report::DetachedSample,
    #[command(flatten)]
    symbols: symbols::Arguments,
    #[command(flatten)]
    sample: sample::Arguments,
}

impl Arguments {
    /// Whether somebody said which functions are drawn.
    fn is_chosen(&self) -> bool {
        self.top.is_some() || self.around.is_some()
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Who called whom in the run
    Calls,
    /// The control flow of one function, with counts
    Cfg,
    /// The call sequence as a state machine
    States,
    /// What ran, over what there is
    Dynamic,
    /// Who can call whom, as the code tells
    StaticCalls,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Dot,
    Svg,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    output::spares(arguments.output.as_ref(), [&arguments.file])?;
    let mut analysed = arguments.recorded.analyse_either(&arguments.file, &arguments.sample)?;
    arguments.symbols.give(&mut analysed)?;
    let refused = refusal(&analysed);
    // The parts that only a run can fill are empty then.
    if let (Some(_), Kind::Calls | Kind::States) = (&refused, arguments.kind) {
        return refused.map_or(Ok(Exit::Done), Err);
    }
    let text = draw(arguments, &analysed)?;
    let bytes = match arguments.format {
        Format::Dot => text.into_bytes(),
        Format::Svg => svg(&text).map_err(|error| Failure::new(Exit::Usage, error))?,
    };
    output::write(arguments.output.as_ref(), &bytes, out)?;
    out.flush()?;
    refused.map_or_else(|| Ok(exit_of(arguments, &analysed)), Err)
}

/// The word of a graph of a run on a trace file that is not whole. The code is in it all the same.
fn exit_of(arguments: &Arguments, analysed: &Analysed) -> Exit {
    match (&analysed.analysis.run, arguments.kind) {
        (None, _) | (_, Kind::StaticCalls) => Exit::Done,
        (Some(run), _) => export::exit_of(&arguments.file, run),
    }
}

fn draw(arguments: &Arguments, analysed: &Analysed) -> Result<String, Failure> {
    let Analysed { name, options, analysis } = analysed;
    let report = Report::of(&Subject { name, analysis, options, max_log: 0 });
    if let Some(why) = refused(arguments) {
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(why)));
    }
    let function = |given: &str| names::function(&*names::module(analysis)?, given);
    let around = arguments.around.as_deref().map(function).transpose()?;
    let shown = Shown {
        heat: arguments.heat,
        top: arguments.top.filter(|&top| top > 0),
        around: around.map(|func| (func, arguments.depth)),
    };
    let shown = bearable(arguments, &report, shown);
    Ok(match arguments.kind {
        Kind::Calls => dot::calls(&report, shown),
        Kind::States => dot::states(&report),
        Kind::Dynamic => dot::dynamic(&report, shown),
        Kind::StaticCalls => dot::static_calls(&analysis.view, shown),
        Kind::Cfg => {
            let module = names::module(analysis)?;
            // The option is required for this kind.
            let func = names::defined(&module, arguments.function.as_deref().unwrap_or_default())?;
            let code = module.code(func).map_err(|error| Failure::new(Exit::NotExecutable, error))?;
            let flow = |run: &Run| export::known(run, Flow::known(&run.trace, func));
            let flow = analysis.run.as_ref().map(flow).transpose()?;
            dot::cfg(&report, func, code, flow.as_ref(), shown)
        }
    })
}

/// Why options do not go with the kind of graph, if they do not.
fn refused(arguments: &Arguments) -> Option<&'static str> {
    match arguments.kind {
        Kind::Cfg | Kind::States if arguments.is_chosen() => Some(
            "--top and --around choose among the functions of a call graph; cfg and states are drawn whole",
        ),
        Kind::StaticCalls | Kind::States if arguments.heat => {
            Some("--heat colours calls, dynamic and cfg; static-calls and states have no shares of the run")
        }
        _ => None,
    }
}

/// The part that is drawn of a graph that Graphviz could not lay out, or that nobody could read. It is the
/// hottest, if nobody asked for anything.
fn bearable(arguments: &Arguments, report: &Report<'_>, shown: Shown) -> Shown {
    let run = report.dynamic.call_graph.edges.len();
    let edges = match arguments.kind {
        Kind::Calls => run,
        Kind::Dynamic => run.saturating_add(report.view.calls.edges.len()),
        Kind::StaticCalls => report.view.calls.edges.len(),
        Kind::Cfg | Kind::States => 0,
    };
    if matches!(arguments.format, Format::Dot) || arguments.is_chosen() || edges <= DRAWN_EDGES {
        return shown;
    }
    crate::cli::complain!(
        "spoor: {} are more than can be drawn: the {DRAWN_FUNCTIONS} hottest functions are, as with --top {DRAWN_FUNCTIONS}",
        plural(edges as u64, "edge")
    );
    Shown { top: Some(DRAWN_FUNCTIONS), ..shown }
}

/// How Graphviz ended, if it did in time.
fn end_of(child: &mut Child) -> anyhow::Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begun.elapsed() > GRAPHVIZ_TIME {
            child.kill().and_then(|()| child.wait())?;
            let seconds = GRAPHVIZ_TIME.as_secs();
            anyhow::bail!(
                "`dot` did not finish within {seconds} s; write the graph with -f dot and try `sfdp -Tsvg`"
            );
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Lets Graphviz lay the graph out.
fn svg(text: &str) -> anyhow::Result<Vec<u8>> {
    // Files instead of pipes: neither side can wait for the other.
    let (mut graph, mut drawing) = (tempfile::tempfile()?, tempfile::tempfile()?);
    graph.write_all(text.as_bytes())?;
    graph.rewind()?;
    let started = Command::new("dot")
        .arg("-Tsvg")
        .stdin(graph)
        .stdout(drawing.try_clone()?)
        .stderr(Stdio::null())
        .spawn();
    let mut child = match started {
        Err(error) if error.kind() == io::ErrorKind::NotFound => anyhow::bail!(
            "-f svg needs Graphviz, and there is no program `dot` (apt install graphviz, brew install graphviz, winget install graphviz); \
             -f dot needs nothing"
        ),
        started => started.context("dot")?,
    };
    let status = end_of(&mut child)?;
    anyhow::ensure!(status.success(), "`dot` failed: {status}");
    let mut bytes = Vec::new();
    drawing.rewind()?;
    drawing.read_to_end(&mut bytes)?;
    Ok(bytes)
}
