//! The limits of the HTML report, each with unit and reason: a page of two megabytes opens at once.

/// Characters of a name: a cell keeps its width, the whole name is in the JSON.
pub(super) const NAME: usize = 200;

/// Characters of a text of the sample in a sentence or a cell: some lines.
pub(super) const TEXT: usize = 400;

/// Rows of functions that ran, the rest counted: 300 kB.
pub(super) const FUNCTIONS: usize = 1000;

/// Functions whose code is listed, hottest first.
pub(super) const LISTED: usize = 8;

/// Lines of code of one function, its hottest blocks: 80 kB.
pub(super) const LINES: usize = 600;

/// Operators of a function that is listed: reading it takes a tenth of a second.
pub(super) const READ: usize = 200_000;

/// Blocks of a control flow graph that is drawn: beyond, nobody finds a way through it.
pub(super) const CFG_BLOCKS: usize = 160;

/// Edges of a control flow graph that is drawn.
pub(super) const CFG_EDGES: usize = 600;

/// Instructions shown in the box of a block.
pub(super) const CFG_OPS: usize = 4;

/// Cells of the treemap: smaller ones cannot be hit with a pointer.
pub(super) const CELLS: usize = 400;

/// Frames of the flame graph, widest first: 200 kB.
pub(super) const FRAMES: usize = 1200;

/// Depth of the flame graph in frames: some screens.
pub(super) const FLAME_DEPTH: usize = 64;

/// Steps of the time line with their arguments, the rest counted: 400 kB.
pub(super) const STEPS: usize = 1000;

/// Entries of any other list, the rest counted.
pub(super) const ROWS: usize = 300;

/// Nesting of evidence that is shown: it indents, and printing recurses.
pub(super) const EVIDENCE_DEPTH: usize = 24;

/// Statements of the evidence of one rule: a page.
pub(super) const EVIDENCE: usize = 200;

/// Places of a rule, the rest counted.
pub(super) const PLACES: usize = 12;

/// Bytes of a file, a message or an output that are shown.
pub(super) const PREVIEW: usize = 512;

/// Data flows that are drawn, bait first.
pub(super) const FLOWS: usize = 60;

/// Callers, and callees, drawn around a function: a screen.
pub(super) const AROUND: usize = 14;

/// States in the matrix of transitions: as many columns as a window has room for.
pub(super) const STATES: usize = 14;

/// Instructions of a run whose course is drawn: one more replay of some seconds.
pub(super) const COURSE: u64 = 2_000_000_000;

/// Instructions of a run whose memory is drawn: computing its values again takes a second.
pub(super) const MEMORY_MAP: u64 = 30_000_000;

/// Columns of the course of a run: as many as are told apart.
pub(super) const COLUMNS: u64 = 150;

/// Rows of the map of memory: half a screen.
pub(super) const PAGES: usize = 36;

/// Lanes of calls in the course of a run.
pub(super) const LANES: usize = 12;
