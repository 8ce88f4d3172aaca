//! Gradient boosted trees for logistic loss, grown as XGBoost grows them (Chen and Guestrin 2016;
//! `tree_method = hist`, default parameters).
//!
//! Each feature is cut at its distinct training values, at most 256 of them: a sample goes below a cut if its
//! value is less. A tree is grown level by level. A node is split where the gain is greatest; the lower
//! feature and the lower cut win ties. Each side must keep a Hessian of at least `MIN_HESSIAN`. Gradients,
//! gains and leaves are in single precision as in XGBoost, sums in double.
//!
//! Not here: missing values, sampling, other losses. With more than 256 distinct values the cuts are
//! quantiles of them, unweighted, which XGBoost's sketch only approximates too, in its own way.

use serde::{Deserialize, Serialize};

use super::limits::{MAX_MARGIN, MAX_NODES, MAX_TREES};
use super::{super::matrix::Matrix, Error, at};

const ROUNDS: usize = 100;
const DEPTH: usize = 6;
const ETA: f32 = 0.3;
const LAMBDA: f64 = 1.0;
const MIN_HESSIAN: f64 = 1.0;
/// A split must gain more.
const MIN_GAIN: f32 = 1e-6;
const MAX_CUTS: usize = 256;

/// Trees, whose leaves are summed up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Log-odds of the positive class in the training set.
    base: f32,
    trees: Vec<Tree>,
}

/// Nodes, the root first, children after their parents.
type Tree = Vec<Node>;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Node {
    /// Feature, cut, and where to go below it and otherwise.
    Split(usize, f32, usize, usize),
    Leaf(f32),
}

impl Model {
    pub(super) fn train(matrix: &Matrix, labels: &[bool]) -> Self {
        let bins = Bins::of(matrix);
        let share = labels.iter().filter(|label| **label).count() as f32 / labels.len() as f32;
        let base = (share / (1.0 - share)).ln();
        let mut margins = vec![base; labels.len()];
        let mut trees = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let gradients =
                margins.iter().zip(labels).map(|(&margin, &label)| gradient(margin, label)).collect();
            let tree = Grower { bins: &bins, gradients, tree: Vec::new() }.grow();
            for (margin, row) in margins.iter_mut().zip(matrix.rows()) {
                *margin += leaf(&tree, row);
            }
            trees.push(tree);
        }
        Self { base, trees }
    }

    pub(super) fn decision(&self, row: &[f64]) -> f64 {
        f64::from(self.trees.iter().fold(self.base, |margin, tree| margin + leaf(tree, row)))
    }

    pub(super) fn check(&self, columns: usize) -> Result<(), Error> {
        let is_small = |value: f32| value.abs() <= MAX_MARGIN;
        if !is_small(self.base) || self.trees.len() > MAX_TREES {
            return Err(Error::broken("base score out of range, or too many trees"));
        }
        for (index, tree) in self.trees.iter().enumerate() {
            let is_good = |(place, node): (usize, &Node)| match *node {
                // Children stand after their parent, so that every path ends.
                Node::Split(feature, cut, below, above) => {
                    let is_child = |child: usize| child > place && child < tree.len();
                    feature < columns && cut.is_finite() && is_child(below) && is_child(above)
                }
                Node::Leaf(value) => is_small(value),
            };
            if tree.is_empty() || tree.len() > MAX_NODES || !tree.iter().enumerate().all(is_good) {
                return Err(Error::broken(format!(
                    "tree {index} has a wrong feature, child, number or size"
                )));
            }
        }
        Ok(())
    }
}

/// First and second derivative of the loss at a margin.
fn gradient(margin: f32, label: bool) -> (f32, f32) {
    let p = 1.0 / ((-margin).min(88.7).exp() + 1.0 + 1e-16);
    (p - f32::from(u8::from(label)), (p * (1.0 - p)).max(1e-16))
}

fn leaf(tree: &[Node], row: &[f64]) -> f32 {
    let mut place = 0;
    loop {
        match tree.get(place) {
            Some(&Node::Split(feature, cut, below, above)) => {
                place = if (at(row, feature) as f32) < cut { below } else { above };
            }
            Some(&Node::Leaf(value)) => return value,
            None => return 0.0,
        }
    }
}

/// Values replaced by the number of the interval they lie in.
struct Bins {
    /// For each feature, where its intervals but the first begin.
    cuts: Vec<Vec<f32>>,
    /// For each feature, the interval of each row.
    rows: Vec<Vec<u16>>,
    len: usize,
}

impl Bins {
    fn of(matrix: &Matrix) -> Self {
        let cuts: Vec<Vec<f32>> = (0..matrix.columns()).map(|column| cuts(matrix, column)).collect();
        let bin = |cuts: &[f32], value: f64| cuts.partition_point(|cut| *cut <= value as f32) as u16;
        let bins = |(column, cuts): (usize, &Vec<f32>)| {
            matrix.column(column).map(|value| bin(cuts, value)).collect()
        };
        let rows = cuts.iter().enumerate().map(bins).collect();
        Self { cuts, rows, len: matrix.len() }
    }
}

fn cuts(matrix: &Matrix, column: usize) -> Vec<f32> {
    let mut values: Vec<f32> = matrix.column(column).map(|value| value as f32).collect();
    values.sort_unstable_by(f32::total_cmp);
    values.dedup();
    let step = values.len().div_ceil(MAX_CUTS).max(1);
    values.into_iter().step_by(step).skip(1).collect()
}

/// Sums of first and second derivatives.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    gradient: f64,
    hessian: f64,
}

impl Sums {
    fn add(&mut self, (gradient, hessian): (f32, f32)) {
        self.gradient += f64::from(gradient);
        self.hessian += f64::from(hessian);
    }

    fn minus(self, other: Self) -> Self {
        Self { gradient: self.gradient - other.gradient, hessian: self.hessian - other.hessian }
    }

    fn plus(self, other: Self) -> Self {
        Self { gradient: self.gradient + other.gradient, hessian: self.hessian + other.hessian }
    }

    fn gain(self) -> f32 {
        (self.gradient * self.gradient / (self.hessian + LAMBDA)) as f32
    }

    fn leaf(self) -> Node {
        Node::Leaf((-self.gradient / (self.hessian + LAMBDA)) as f32 * ETA)
    }
}

struct Split {
    gain: f32,
    feature: usize,
    /// The first interval that is not below.
    bin: usize,
}

/// Rows that reached a node that may still be split.
struct Open {
    node: usize,
    rows: Vec<u32>,
}

struct Grower<'a> {
    bins: &'a Bins,
    gradients: Vec<(f32, f32)>,
    tree: Tree,
}

impl Grower<'_> {
    fn grow(mut self) -> Tree {
        let rows: Vec<u32> = (0..self.bins.len as u32).collect();
        let mut level = vec![self.add(rows)];
        for _ in 0..DEPTH {
            level = level.into_iter().flat_map(|open| self.split(open)).collect();
        }
        self.tree
    }

    /// Adds a leaf that these rows reach.
    fn add(&mut self, rows: Vec<u32>) -> Open {
        self.tree.push(self.sums(&rows).leaf());
        Open { node: self.tree.len() - 1, rows }
    }

    fn sums(&self, rows: &[u32]) -> Sums {
        let mut sums = Sums::default();
        rows.iter().for_each(|&row| sums.add(self.gradients[row as usize]));
        sums
    }

    /// Splits a leaf where it gains most, if anywhere.
    fn split(&mut self, open: Open) -> Vec<Open> {
        let Some(split) = self.best(&open.rows) else { return Vec::new() };
        let bins = &self.bins.rows[split.feature];
        let (below, above) = open.rows.iter().partition(|row| usize::from(bins[**row as usize]) < split.bin);
        let (below, above) = (self.add(below), self.add(above));
        let cut = self.bins.cuts[split.feature][split.bin - 1];
        self.tree[open.node] = Node::Split(split.feature, cut, below.node, above.node);
        vec![below, above]
    }

    fn best(&self, rows: &[u32]) -> Option<Split> {
        let all = self.sums(rows);
        let mut best = None;
        for feature in 0..self.bins.cuts.len() {
            self.consider(feature, rows, all, &mut best);
        }
        best
    }

    /// Replaces `best` by a better split on this feature, if there is one.
    fn consider(&self, feature: usize, rows: &[u32], all: Sums, best: &mut Option<Split>) {
        let bins = &self.bins.rows[feature];
        let mut histogram = vec![Sums::default(); self.bins.cuts[feature].len() + 1];
        for &row in rows {
            histogram[usize::from(bins[row as usize])].add(self.gradients[row as usize]);
        }
        let mut below = Sums::default();
        for (bin, sums) in histogram.iter().enumerate().take(histogram.len() - 1) {
            below = below.plus(*sums);
            let above = all.minus(below);
            if below.hessian < MIN_HESSIAN || above.hessian < MIN_HESSIAN {
                continue;
            }
            let gain = (f64::from(below.gain()) + f64::from(above.gain()) - f64::from(all.gain())) as f32;
            if gain > best.as_ref().map_or(MIN_GAIN, |best| best.gain) {
                *best = Some(Split { gain, feature, bin: bin + 1 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_tree_is_refused() {
        let model = |tree: Tree| Model { base: 0.0, trees: vec![tree] };
        let leaf = Node::Leaf(0.1);
        assert!(model(vec![Node::Split(0, 0.5, 1, 2), leaf, leaf]).check(1).is_ok());
        for (tree, why) in [
            (vec![], "no node"),
            (vec![Node::Split(0, 0.5, 0, 1), leaf], "a cycle"),
            (vec![Node::Split(0, 0.5, 1, 3), leaf, leaf], "a child beyond the end"),
            (vec![Node::Split(1, 0.5, 1, 2), leaf, leaf], "a feature beyond the end"),
            (vec![Node::Split(0, f32::INFINITY, 1, 2), leaf, leaf], "an infinite cut"),
            (vec![Node::Leaf(f32::NAN)], "a leaf that is no number"),
        ] {
            assert!(model(tree).check(1).is_err(), "{why}");
        }
    }

    /// Two values: one Newton step by hand. base 0, gradients ±½, Hessian ¼ each; leaf = ∓(4·½)/(4·¼+1)·0.3.
    #[test]
    fn the_first_leaf_is_a_newton_step() {
        let matrix = Matrix::new(1, [[0.0], [0.0], [0.0], [0.0], [3.0], [3.0], [3.0], [3.0]]).unwrap();
        let labels = [false, false, false, false, true, true, true, true];
        let model = Model::train(&matrix, &labels);
        assert_eq!(model.base, 0.0);
        assert_eq!(model.trees[0], [Node::Split(0, 3.0, 1, 2), Node::Leaf(-0.3), Node::Leaf(0.3)]);
        // Later Hessians fall below the least that a leaf keeps.
        assert_eq!(model.trees[99].len(), 1);
        assert!(model.decision(&[2.9]) < 0.0 && model.decision(&[3.0]) > 0.0);
    }
}
