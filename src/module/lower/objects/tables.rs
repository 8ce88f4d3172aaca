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

/// An operand that is asked of the engine's table first, and then goes into its local. One of 64 bits waits
/// elsewhere: what the table has takes no more than 32.
#[derive(Clone, Copy)]
struct Kept {
    temps: Temps,
    position: u32,
    is_64: bool,
}

impl Kept {
    /// The local of its lowest 32 bits.
    fn local(self) -> u32 {
        self.temps.number(self.position)
    }

    fn set(self) -> Vec<I<'static>> {
        match (self.is_64, self.position) {
            (false, _) => vec![I::LocalSet(self.local())],
            (true, TO) => vec![I::F64ReinterpretI64, I::LocalSet(self.temps.f64())],
            (true, FROM) => vec![I::I64x2Splat, I::LocalSet(self.temps.v128())],
            (true, _) => vec![I::LocalSet(self.temps.i64())],
        }
    }

    fn get(self) -> Vec<I<'static>> {
        match (self.is_64, self.position) {
            (false, _) => vec![I::LocalGet(self.local())],
            (true, TO) => vec![I::LocalGet(self.temps.f64()), I::I64ReinterpretF64],
            (true, FROM) => vec![I::LocalGet(self.temps.v128()), I::I64x2ExtractLane(0)],
            (true, _) => vec![I::LocalGet(self.temps.i64())],
        }
    }

    /// Puts it into its local. The table has agreed to it.
    fn narrow(self) -> Vec<I<'static>> {
        if !self.is_64 {
            return Vec::new();
        }
        [self.get(), vec![I::I32WrapI64, I::LocalSet(self.local())]].concat()
    }
}

impl Reader<'_, '_> {
    /// Takes where to, where from and how many, and puts them back.
    fn take_range(&mut self, [to, from, len]: [Kept; 3]) {
        let take = [len.set(), from.set(), to.set(), to.get(), from.get(), len.get()];
        self.begin_made(&take.concat());
    }

    /// The same as addresses.
    fn addresses(&mut self, all: [Kept; 3]) {
        all.iter().for_each(|kept| self.silent(&kept.narrow()));
        all.iter().for_each(|kept| self.address_of(kept.local()));
    }

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
        let is_64 = self.sections.is_table_64(table);
        let [to, from, len] = [TO, FROM, LEN].map(|position| Kept { temps, position, is_64 });
        let value = temps.number(VALUE);
        match *operator {
            O::TableGet { .. } => {
                self.begin_made(&[to.set(), to.get()].concat());
                self.body.own(&I::TableGet(table));
                self.silent(&[I::Drop]);
                self.silent(&to.narrow());
                self.address_of(to.local());
                self.silent(&[I::I32Load(memarg(memory))]);
            }
            O::TableSet { .. } => {
                self.begin_made(&[vec![I::LocalSet(value)], to.set(), to.get(), vec![NULL]].concat());
                self.body.own(&I::TableSet(table));
                self.silent(&to.narrow());
                self.address_of(to.local());
                self.silent(&[I::LocalGet(value), I::I32Store(memarg(memory))]);
            }
            O::TableFill { .. } => {
                let take = [len.set(), vec![I::LocalSet(value)], to.set(), to.get(), vec![NULL], len.get()];
                self.begin_made(&take.concat());
                self.body.own(&I::TableFill(table));
                self.silent(&[to.narrow(), len.narrow()].concat());
                self.fill_table(memory, temps);
            }
            O::TableGrow { .. } => self.grow_table(table, memory, temps),
            O::TableCopy { src_table, .. } => {
                let Some(source) = self.sections.table_memory(src_table) else { return Ok(false) };
                let from = Kept { is_64: self.sections.is_table_64(src_table), ..from };
                let len = Kept { is_64: to.is_64 && from.is_64, ..len };
                self.take_range([to, from, len]);
                self.body.own(&I::TableCopy { src_table, dst_table: table });
                self.addresses([to, from, len]);
                self.silent(&[I::MemoryCopy { src_mem: source, dst_mem: memory }]);
            }
            O::TableInit { elem_index, .. } => {
                let [from, len] = [from, len].map(|kept| Kept { is_64: false, ..kept });
                self.take_range([to, from, len]);
                self.body.own(&I::TableInit { elem_index, table });
                if let Some(data_index) = self.sections.element_data(elem_index) {
                    self.addresses([to, from, len]);
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
        let is_64 = self.sections.is_table_64(table);
        let more = Kept { temps, position: LEN, is_64 };
        self.begin_made(&[more.set(), vec![I::LocalSet(value), NULL], more.get()].concat());
        self.body.own(&I::TableGrow(table));
        if is_64 {
            self.silent(&[I::I32WrapI64]);
        }
        self.silent(&more.narrow());
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
        // -1 if it did not grow.
        if is_64 {
            self.silent(&[I::I64ExtendI32S]);
        }
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
