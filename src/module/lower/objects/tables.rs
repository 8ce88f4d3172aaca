//! Tables of objects. The engine has one of as many nulls in its place, which is asked first, so that bounds,
//! growth and what is recorded are those of the sample. What is in it lies in a memory of ours.

use wasm_encoder::{BlockType, Instruction as I, MemArg, MemArgTarget};
use wasmparser::Operator;

use super::super::{body::Reader, refusal::Refused, sites::Stop, temps::Temps};

/// Locals: where to, where from, how many, what; and how many bytes are done.
const TO: u32 = 0;
const FROM: u32 = 1;
const LEN: u32 = 2;
const DONE: u32 = 3;
const VALUE: u32 = 6;

/// The null that the engine's table has.
const NULL: I<'static> = I::RefNull(wasm_encoder::HeapType::EXTERN);

/// What lies at an address.
fn memarg(memory: u32) -> MemArg {
    MemArg { offset: 0, align: 0, target: MemArgTarget::Memory(memory), ordering: None }
}

impl Reader<'_, '_> {
    /// Writes an operator on a table or a segment of objects; whether it is one.
    pub(super) fn table(&mut self, operator: &Operator<'_>, temps: Temps) -> Result<bool, Refused> {
        use Operator as O;
        if let O::ElemDrop { elem_index } = *operator {
            let Some(data) = self.sections.element_data(elem_index) else { return Ok(false) };
            self.body.own(&I::ElemDrop(elem_index));
            self.silent(&[I::DataDrop(data)]);
            return Ok(true);
        }
        let (O::TableGet { table }
        | O::TableSet { table }
        | O::TableGrow { table }
        | O::TableFill { table }
        | O::TableCopy { dst_table: table, .. }
        | O::TableInit { table, .. }) = *operator
        else {
            return Ok(false);
        };
        let Some(memory) = self.sections.table_memory(table) else { return Ok(false) };
        if self.sections.is_table_64(table) {
            self.body.stop(Stop::Unsupported);
            self.die();
            return Ok(true);
        }
        let [to, from, len, value] = [TO, FROM, LEN, VALUE].map(|position| temps.number(position));
        match *operator {
            O::TableGet { .. } => {
                self.begin_made(&[I::LocalTee(to)]);
                self.body.own(&I::TableGet(table));
                self.silent(&[I::Drop]);
                self.address_of(to);
                self.silent(&[I::I32Load(memarg(memory))]);
            }
            O::TableSet { .. } => {
                self.begin_made(&[I::LocalSet(value), I::LocalTee(to), NULL]);
                self.body.own(&I::TableSet(table));
                self.address_of(to);
                self.silent(&[I::LocalGet(value), I::I32Store(memarg(memory))]);
            }
            O::TableFill { .. } => {
                self.begin_made(&[I::LocalSet(len), I::LocalSet(value), I::LocalTee(to), NULL]);
                self.silent(&[I::LocalGet(len)]);
                self.body.own(&I::TableFill(table));
                self.fill_table(memory, temps);
            }
            O::TableGrow { .. } => self.grow_table(table, memory, temps),
            O::TableCopy { src_table, .. } => {
                let Some(source) = self.sections.table_memory(src_table) else { return Ok(false) };
                self.begin_made(&[I::LocalSet(len), I::LocalSet(from), I::LocalTee(to)]);
                self.silent(&[I::LocalGet(from), I::LocalGet(len)]);
                self.body.own(&I::TableCopy { src_table, dst_table: table });
                [to, from, len].into_iter().for_each(|local| self.address_of(local));
                self.silent(&[I::MemoryCopy { src_mem: source, dst_mem: memory }]);
            }
            O::TableInit { elem_index, .. } => {
                self.begin_made(&[I::LocalSet(len), I::LocalSet(from), I::LocalTee(to)]);
                self.silent(&[I::LocalGet(from), I::LocalGet(len)]);
                self.body.own(&I::TableInit { elem_index, table });
                if let Some(data_index) = self.sections.element_data(elem_index) {
                    [to, from, len].into_iter().for_each(|local| self.address_of(local));
                    self.silent(&[I::MemoryInit { mem: memory, data_index }]);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The address of the element whose index is in a local.
    fn address_of(&mut self, local: u32) {
        self.silent(&[I::LocalGet(local), I::I32Const(2), I::I32Shl]);
    }

    fn grow_table(&mut self, table: u32, memory: u32, temps: Temps) {
        let [to, len, value, done] = [TO, LEN, VALUE, DONE].map(|position| temps.number(position));
        self.begin_made(&[I::LocalSet(len), I::LocalSet(value), NULL, I::LocalGet(len)]);
        self.body.own(&I::TableGrow(table));
        self.silent(&[I::LocalSet(to), I::Block(BlockType::Empty)]);
        self.silent(&[I::LocalGet(to), I::I32Const(-1), I::I32Eq, I::BrIf(0)]);
        // As many pages as its elements take.
        let pages = [
            I::LocalGet(to),
            I::LocalGet(len),
            I::I32Add,
            I::I32Const((1 << 14) - 1),
            I::I32Add,
            I::I32Const(14),
            I::I32ShrU,
            I::LocalSet(done),
        ];
        self.silent(&pages);
        let grown = [
            I::LocalGet(done),
            I::MemorySize(memory),
            I::I32Sub,
            I::LocalTee(done),
            I::I32Const(0),
            I::I32LeS,
            I::BrIf(0),
            I::LocalGet(done),
            I::MemoryGrow(memory),
            I::I32Const(-1),
            I::I32Ne,
        ];
        self.demand_grown(&grown);
        self.fill_table(memory, temps);
        self.silent(&[I::End, I::LocalGet(to)]);
    }

    /// As `demand`, of what may be left before it is asked.
    fn demand_grown(&mut self, condition: &[I<'_>]) {
        self.silent(&[I::Block(BlockType::Empty)]);
        self.silent(condition);
        self.silent(&[I::BrIf(0)]);
        self.body.stop(Stop::Objects);
        self.silent(&[I::End]);
    }

    /// Fills as many elements as a local says: the first, and from there twice as many each time.
    fn fill_table(&mut self, memory: u32, temps: Temps) {
        let [to, len, value, done] = [TO, LEN, VALUE, DONE].map(|position| temps.number(position));
        self.silent(&[I::Block(BlockType::Empty), I::LocalGet(len), I::I32Eqz, I::BrIf(0)]);
        self.address_of(to);
        self.silent(&[I::LocalGet(value), I::I32Store(memarg(memory)), I::I32Const(4), I::LocalSet(done)]);
        self.silent(&[I::Loop(BlockType::Empty), I::LocalGet(done)]);
        self.address_of(len);
        self.silent(&[I::I32GeU, I::BrIf(1)]);
        self.address_of(to);
        self.silent(&[I::LocalGet(done), I::I32Add]);
        self.address_of(to);
        self.silent(&[I::LocalGet(done)]);
        self.address_of(len);
        self.silent(&[I::LocalGet(done), I::I32Sub, I::LocalGet(done)]);
        self.address_of(len);
        self.silent(&[I::LocalGet(done), I::I32Sub]);
        self.silent(&[I::I32LeU, I::Select, I::MemoryCopy { src_mem: memory, dst_mem: memory }]);
        self.silent(&[I::LocalGet(done), I::I32Const(1), I::I32Shl, I::LocalSet(done), I::Br(0)]);
        self.silent(&[I::End, I::End]);
    }
}
