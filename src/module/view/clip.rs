//! A view with its long lists cut, to be written down.

use super::{StaticCallGraph, View};

/// Items of a list of large items, and of one of small items, at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths {
    pub(crate) large: usize,
    pub(crate) small: usize,
}

/// The first `most` items; what is left out is told to `cut` with the list's name.
pub(crate) fn clip<T: Clone>(
    list: &[T],
    most: usize,
    name: &'static str,
    cut: &mut impl FnMut(&'static str, u64),
) -> Vec<T> {
    let kept = list.get(..most).unwrap_or(list);
    if kept.len() < list.len() {
        cut(name, (list.len() - kept.len()) as u64);
    }
    kept.to_vec()
}

impl View {
    /// The same with long lists cut. Nothing that is left out is copied.
    pub(crate) fn clipped(&self, most: Lengths, cut: &mut impl FnMut(&'static str, u64)) -> Self {
        let Lengths { large, small } = most;
        let calls = StaticCallGraph {
            edges: clip(&self.calls.edges, small, "view.calls.edges", cut),
            dead: clip(&self.calls.dead, small, "view.calls.dead", cut),
            referenced: clip(&self.calls.referenced, small, "view.calls.referenced", cut),
            ..StaticCallGraph { indirect_cut: self.calls.indirect_cut, ..StaticCallGraph::default() }
        };
        Self {
            file: self.file.clone(),
            validity: self.validity.clone(),
            sections: self.sections.clone(),
            sections_cut: self.sections_cut,
            anomalies: self.anomalies.clone(),
            imported_functions: self.imported_functions,
            component: self.component.as_ref().map(|component| super::Component {
                imports: clip(&component.imports, small, "view.component.imports", cut),
                exports: clip(&component.exports, small, "view.component.exports", cut),
                modules: clip(&component.modules, small, "view.component.modules", cut),
                linked_from: component.linked_from,
                not_linked: component.not_linked.clone(),
            }),
            imports: clip(&self.imports, small, "view.imports", cut),
            exports: clip(&self.exports, small, "view.exports", cut),
            start: self.start,
            memories: clip(&self.memories, small, "view.memories", cut),
            tables: clip(&self.tables, small, "view.tables", cut),
            globals: clip(&self.globals, small, "view.globals", cut),
            data: clip(&self.data, small, "view.data", cut),
            elements: self.elements_clipped(small, cut),
            producers: clip(&self.producers, small, "view.producers", cut),
            target_features: clip(&self.target_features, small, "view.target_features", cut),
            proposals: self.proposals.clone(),
            debug: self.debug.clone(),
            functions: clip(&self.functions, large, "view.functions", cut),
            classes: self.classes,
            calls,
            crypto: clip(&self.crypto, small, "view.crypto", cut),
            crypto_cut: self.crypto_cut,
            strings: clip(&self.strings, small, "view.strings", cut),
            strings_cut: self.strings_cut,
            iocs: clip(&self.iocs, small, "view.iocs", cut),
            iocs_cut: self.iocs_cut,
            limitations: self.limitations.clone(),
            dwarf: self.dwarf.clone(),
            linked: self.linked.clone(),
            laid: std::sync::OnceLock::new(),
        }
    }

    /// Segments without their functions, which are not written down.
    fn elements_clipped(
        &self,
        most: usize,
        cut: &mut impl FnMut(&'static str, u64),
    ) -> Vec<super::ElementSegment> {
        let left_out = self.elements.len().saturating_sub(most);
        if left_out > 0 {
            cut("view.elements", left_out as u64);
        }
        let bare = |segment: &super::ElementSegment| super::ElementSegment {
            table: segment.table,
            declared: segment.declared,
            first: segment.first,
            functions: Vec::new(),
            len: segment.len,
        };
        self.elements.iter().take(most).map(bare).collect()
    }
}
