//! What of the instances must happen in their order when they are made.

use wasm_encoder::{DataSection, ElementSection, Instruction, reencode::Reencode as _};
use wasmparser::{Data, DataKind, Element, ElementItems, ElementKind};

use super::{super::problem::Problem, constant, renumber::Renumber, sections::Sections};

/// What of one instance is left to the start function.
#[derive(Default)]
pub(super) struct Begin {
    /// Whether a start function of another runs before its segments are put anywhere.
    is_late: bool,
    /// Puts the segments where they go.
    pub(super) steps: Vec<Instruction<'static>>,
}

/// For each instance, with nothing to do yet.
pub(super) fn plan(units: &[Sections<'_>]) -> Vec<Begin> {
    let mut is_late = false;
    let begin = |sections: &Sections<'_>| {
        let begin = Begin { is_late, steps: Vec::new() };
        is_late |= sections.start.is_some();
        begin
    };
    units.iter().map(begin).collect()
}

impl Begin {
    /// Writes a segment of functions.
    pub(super) fn element(
        &mut self,
        renumber: &mut Renumber,
        written: &mut ElementSection,
        element: Element<'_>,
    ) -> Result<(), Problem> {
        let ElementKind::Active { table_index, offset_expr } = &element.kind else {
            return Ok(renumber.parse_element(written, element)?);
        };
        if !self.is_late {
            return Ok(renumber.parse_element(written, element)?);
        }
        let table = renumber.now().tables.of(table_index.unwrap_or(0))?;
        let len = match &element.items {
            ElementItems::Functions(all) => all.count(),
            ElementItems::Expressions(_, all) => all.count(),
        };
        self.address(renumber, offset_expr)?;
        let elem_index = written.len();
        self.steps.extend([
            Instruction::I32Const(0),
            Instruction::I32Const(len as i32),
            Instruction::TableInit { elem_index, table },
            Instruction::ElemDrop(elem_index),
        ]);
        let items = renumber.element_items(element.items)?;
        written.passive(items);
        Ok(())
    }

    /// Writes a segment of data.
    pub(super) fn data(
        &mut self,
        renumber: &mut Renumber,
        written: &mut DataSection,
        data: Data<'_>,
    ) -> Result<(), Problem> {
        let DataKind::Active { memory_index, offset_expr } = &data.kind else {
            return Ok(renumber.parse_data(written, data)?);
        };
        if !self.is_late {
            return Ok(renumber.parse_data(written, data)?);
        }
        let mem = renumber.now().memories.of(*memory_index)?;
        self.address(renumber, offset_expr)?;
        let data_index = written.len();
        self.steps.extend([
            Instruction::I32Const(0),
            Instruction::I32Const(data.data.len() as i32),
            Instruction::MemoryInit { mem, data_index },
            Instruction::DataDrop(data_index),
        ]);
        written.passive(data.data.iter().copied());
        Ok(())
    }

    /// Leaves the address at which a segment goes.
    fn address(&mut self, renumber: &mut Renumber, expr: &wasmparser::ConstExpr<'_>) -> Result<(), Problem> {
        let address = constant::value(renumber, expr)?.number();
        self.steps.push(address.ok_or(Problem::Dangling("the address of a segment"))?);
        Ok(())
    }
}
