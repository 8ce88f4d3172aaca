//! What stands behind an opcode, as people read it: `local.get 3`, `i32.load offset=8`, `br_table 0 1 2`.
//!
//! Close to the text format and not it. Labels are depths, and indices are numbers.

use wasmparser::{
    AbstractHeapType, BinaryReader, BlockType, BrTable, Catch, FunctionBody, Handle, HeapType, Ieee32,
    Ieee64, MemArg, MemArgTarget, Operator, OperatorsReader, Ordering, RefType, ResumeTable, TryTable,
    UnpackedIndex, V128, ValType,
};

use super::{CodeOffset, FuncIndex, Module, Opcode, ParseError, limits::SHOWN_LABELS};

/// An operator of a function as a line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it stands in the module file.
    pub(crate) offset: CodeOffset,
    /// What it is.
    pub(crate) opcode: Opcode,
    /// Its immediates.
    pub(crate) immediates: String,
    /// How deep it is nested in blocks.
    pub(crate) depth: u32,
    /// The function that it calls by its index.
    pub(crate) callee: Option<FuncIndex>,
}

impl Module {
    /// What stands behind the opcode of the instruction at an offset, as people read it: `3` of
    /// `local.get 3`. Empty if there is nothing, or no instruction.
    pub fn immediates(&self, offset: CodeOffset) -> String {
        let rest = self.image().get(offset.0 as usize..).unwrap_or_default();
        let operator = OperatorsReader::new(BinaryReader::new(rest, u64::from(offset.0))).read();
        operator.map_or_else(|_| String::new(), |operator| immediates(&operator))
    }

    /// The operators of a defined function as lines, `end` and `else` included; at most `max` of them.
    ///
    /// # Errors
    /// As for [`Module::code`].
    pub(crate) fn lines(&self, func: FuncIndex, max: usize) -> Result<Vec<Line>, ParseError> {
        let body = self.code(func)?.body();
        let bytes = self.image().get(body.start as usize..body.end as usize).unwrap_or_default();
        let body = FunctionBody::new(BinaryReader::new(bytes, u64::from(body.start)));
        let mut reader = body.get_operators_reader()?;
        let (mut lines, mut depth) = (Vec::new(), 0u32);
        while !reader.eof() && lines.len() < max {
            let offset = CodeOffset(reader.original_position() as u32);
            let operator = reader.read()?;
            let Some(opcode) = Opcode::of(&operator) else { continue };
            let (before, after) = nesting(&operator, depth);
            depth = after;
            let (immediates, callee) = (immediates(&operator), callee(&operator));
            lines.push(Line { offset, opcode, immediates, depth: before, callee });
        }
        Ok(lines)
    }
}

/// The nesting of an operator, and behind it.
fn nesting(operator: &Operator<'_>, depth: u32) -> (u32, u32) {
    let out = depth.saturating_sub(1);
    match operator {
        Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::If { .. }
        | Operator::Try { .. }
        | Operator::TryTable { .. } => (depth, depth.saturating_add(1)),
        Operator::Else | Operator::Catch { .. } | Operator::CatchAll => (out, depth),
        Operator::End | Operator::Delegate { .. } => (out, out),
        _ => (depth, depth),
    }
}

fn callee(operator: &Operator<'_>) -> Option<FuncIndex> {
    match operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            Some(FuncIndex(*function_index))
        }
        _ => None,
    }
}

/// One that has a form of its own by its name, any other by its type.
macro_rules! immediate {
    (memarg $value:expr) => {
        access($value)
    };
    (blockty $value:expr) => {
        block($value)
    };
    (targets $value:expr) => {
        labels($value)
    };
    (ty $value:expr) => {
        format!("(result {})", $value.shown())
    };
    (tys $value:expr) => {
        format!("(result {})", $value.shown())
    };
    ($other:ident $value:expr) => {
        $value.shown()
    };
}

macro_rules! define_immediates {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        fn parts(operator: &Operator<'_>) -> Vec<String> {
            match operator {
                $(Operator::$op $({ $($arg),* })? => vec![$($(immediate!($arg $arg)),*)?],)*
                _ => Vec::new(),
            }
        }
    };
}
wasmparser::for_each_operator!(define_immediates);

/// The immediates of an operator, as people read them.
fn immediates(operator: &Operator<'_>) -> String {
    match operator {
        // The table comes first in the text format.
        Operator::CallIndirect { type_index, table_index }
        | Operator::ReturnCallIndirect { type_index, table_index } => match table_index {
            0 => format!("(type {type_index})"),
            _ => format!("{table_index} (type {type_index})"),
        },
        Operator::RefTestNullable { hty } | Operator::RefCastNullable { hty } => reference(*hty, true),
        Operator::RefTestNonNull { hty } | Operator::RefCastNonNull { hty } => reference(*hty, false),
        Operator::MemorySize { mem: 0 }
        | Operator::MemoryGrow { mem: 0 }
        | Operator::MemoryFill { mem: 0 } => String::new(),
        Operator::MemoryCopy { dst_mem: 0, src_mem: 0 } => String::new(),
        _ => parts(operator).into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
    }
}

fn access(memarg: &MemArg) -> String {
    let memory = match memarg.target {
        MemArgTarget::Memory(0) => String::new(),
        MemArgTarget::Memory(index) => index.to_string(),
        MemArgTarget::Array(index) => format!("(type {index})"),
    };
    match memarg.offset {
        0 => memory,
        offset if memory.is_empty() => format!("offset={offset}"),
        offset => format!("{memory} offset={offset}"),
    }
}

fn block(ty: &BlockType) -> String {
    match ty {
        BlockType::Empty => String::new(),
        BlockType::Type(ty) => format!("(result {})", ty.shown()),
        BlockType::FuncType(index) => format!("(type {index})"),
    }
}

fn labels(targets: &BrTable<'_>) -> String {
    let mut shown: Vec<_> = targets
        .targets()
        .take(SHOWN_LABELS as usize)
        .map_while(Result::ok)
        .map(|label| label.to_string())
        .collect();
    if targets.len() > SHOWN_LABELS {
        shown.push(format!("…({} more)", targets.len() - SHOWN_LABELS));
    }
    shown.push(targets.default().to_string());
    shown.join(" ")
}

/// The name of an abstract heap type, and that of what refers to it or is null.
fn names(ty: AbstractHeapType) -> (&'static str, &'static str) {
    use AbstractHeapType as A;
    match ty {
        A::Func => ("func", "funcref"),
        A::Extern => ("extern", "externref"),
        A::Any => ("any", "anyref"),
        A::None => ("none", "nullref"),
        A::NoExtern => ("noextern", "nullexternref"),
        A::NoFunc => ("nofunc", "nullfuncref"),
        A::Eq => ("eq", "eqref"),
        A::Struct => ("struct", "structref"),
        A::Array => ("array", "arrayref"),
        A::I31 => ("i31", "i31ref"),
        A::Exn => ("exn", "exnref"),
        A::NoExn => ("noexn", "nullexnref"),
        A::Cont => ("cont", "contref"),
        A::NoCont => ("nocont", "nullcontref"),
    }
}

/// What refers to a heap type.
fn reference(ty: HeapType, is_nullable: bool) -> String {
    match (ty, is_nullable) {
        (HeapType::Abstract { shared: false, ty }, true) => names(ty).1.to_owned(),
        (ty, true) => format!("(ref null {})", ty.shown()),
        (ty, false) => format!("(ref {})", ty.shown()),
    }
}

/// What is written by its type.
trait Shown {
    fn shown(&self) -> String;
}

macro_rules! show_numbers {
    ($($number:ty),*) => {
        $(impl Shown for $number {
            fn shown(&self) -> String {
                self.to_string()
            }
        })*
    };
}
show_numbers!(u8, u32, i32, i64);

impl<T: Shown> Shown for [T] {
    fn shown(&self) -> String {
        self.iter().map(Shown::shown).collect::<Vec<_>>().join(" ")
    }
}

impl Shown for HeapType {
    fn shown(&self) -> String {
        let index = |index: &UnpackedIndex| index.as_module_index().unwrap_or_default();
        match self {
            Self::Abstract { shared: false, ty } => names(*ty).0.to_owned(),
            Self::Abstract { shared: true, ty } => format!("(shared {})", names(*ty).0),
            Self::Concrete(ty) => index(ty).to_string(),
            Self::Exact(ty) => format!("(exact {})", index(ty)),
        }
    }
}

impl Shown for RefType {
    fn shown(&self) -> String {
        reference(self.heap_type(), self.is_nullable())
    }
}

impl Shown for TryTable {
    fn shown(&self) -> String {
        let clause = |clause: &Catch| match clause {
            Catch::One { tag, label } => format!("(catch {tag} {label})"),
            Catch::OneRef { tag, label } => format!("(catch_ref {tag} {label})"),
            Catch::All { label } => format!("(catch_all {label})"),
            Catch::AllRef { label } => format!("(catch_all_ref {label})"),
        };
        let parts = std::iter::once(block(&self.ty)).chain(self.catches.iter().map(clause));
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl Shown for ResumeTable {
    fn shown(&self) -> String {
        let handler = |handler: &Handle| match handler {
            Handle::OnLabel { tag, label } => format!("(on {tag} {label})"),
            Handle::OnSwitch { tag } => format!("(on {tag} switch)"),
        };
        self.handlers.iter().map(handler).collect::<Vec<_>>().join(" ")
    }
}

impl Shown for Ordering {
    fn shown(&self) -> String {
        match self {
            Self::AcqRel => "acq_rel",
            Self::SeqCst => "seq_cst",
        }
        .to_owned()
    }
}

impl Shown for Ieee32 {
    fn shown(&self) -> String {
        f32::from_bits(self.bits()).to_string()
    }
}

impl Shown for Ieee64 {
    fn shown(&self) -> String {
        f64::from_bits(self.bits()).to_string()
    }
}

impl Shown for V128 {
    fn shown(&self) -> String {
        format!("{:#034x}", self.i128())
    }
}

impl Shown for ValType {
    fn shown(&self) -> String {
        match self {
            Self::Ref(ty) => ty.shown(),
            number => number.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_in_the_text_format() {
        let text = r#"(module (memory 1) (table 1 funcref) (type $t (func))
            (func (param i32) (local v128)
                (block (loop (result i32)
                    (i32.load offset=8 (local.get 0))
                    (br_table 0 1 (local.get 0)))
                    drop)
                (drop (f64.const 1.5)) (drop (v128.const i64x2 1 0)) (drop (i64.const -3))
                (call_indirect (type $t) (i32.const 0)) (call 0 (i32.const 7))))"#;
        let module = Module::parse(wat::parse_str(text).unwrap()).unwrap();
        let lines = module.lines(FuncIndex(0), 100).unwrap();
        let shown: Vec<_> =
            lines.iter().map(|line| format!("{} {}", line.opcode.mnemonic(), line.immediates)).collect();
        for expected in [
            "loop (result i32)",
            "i32.load offset=8",
            "br_table 0 1",
            "f64.const 1.5",
            "v128.const 0x00000000000000000000000000000001",
            "i64.const -3",
            "call_indirect (type 0)",
            "call 0",
        ] {
            assert!(shown.iter().any(|line| line == expected), "{expected} of {shown:#?}");
        }
        for line in &lines {
            assert_eq!(module.immediates(line.offset), line.immediates, "{line:?}");
        }
        assert_eq!(module.immediates(CodeOffset(u32::MAX)), "");
        let depth = |mnemonic| lines.iter().find(|line| line.opcode.mnemonic() == mnemonic).unwrap().depth;
        assert_eq!([depth("block"), depth("loop"), depth("i32.load"), depth("drop")], [0, 1, 2, 1]);
        assert_eq!(lines.last().map(|line| (line.depth, line.opcode)), Some((0, Opcode::End)));
        assert_eq!(module.lines(FuncIndex(0), 3).unwrap().len(), 3);
        assert!(lines.iter().any(|line| line.callee == Some(FuncIndex(0))));
    }
}
