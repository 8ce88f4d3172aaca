//! Lines of the text that a module was made from: of each function it defines and of each instruction.
//!
//! The text is parsed a second time, by the same parser that made the binary: its n-th instruction of a
//! function is the n-th of the body. Costs about what making the binary did, so only who shows lines asks.

use wasmparser::{BinaryReader, FunctionBody};
use wast::{
    Wat,
    core::{Expression, FuncKind, ModuleField, ModuleKind},
    parser::{self, ParseBuffer},
    token::Span,
};

use super::{CodeOffset, FuncIndex, Module, limits::TEXT_BYTES};

/// Lines of a text. They count from 1.
#[derive(Debug)]
pub struct Lines {
    imported: u32,
    functions: Vec<Function>,
}

#[derive(Debug)]
struct Function {
    line: u32,
    /// Offset in the module → line, ascending.
    instructions: Vec<(u32, u32)>,
}

impl Lines {
    /// Reads the lines of `text`, which makes `module`; `None` if it does not, or is too long.
    pub fn of(text: &str, module: &Module) -> Option<Self> {
        if text.len() > TEXT_BYTES {
            return None;
        }
        let mut buffer = ParseBuffer::new(text).ok()?;
        buffer.track_instr_spans(true);
        let Ok(Wat::Module(parsed)) = parser::parse::<Wat<'_>>(&buffer) else { return None };
        let ModuleKind::Text(fields) = parsed.kind else { return None };
        let ends: Vec<_> = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
        let line = |span: Span| ends.partition_point(|&end| end < span.offset()) as u32 + 1;
        let functions: Vec<_> = bodies(&fields)
            .zip(module.defined())
            .map(|((span, expression), func)| {
                let spans = expression.instr_spans.iter().flatten().map(|&span| line(span));
                Function {
                    line: line(span),
                    instructions: offsets(module, func).into_iter().zip(spans).collect(),
                }
            })
            .collect();
        let is_it = functions.len() == module.defined_functions() as usize;
        is_it.then_some(Self { imported: module.imported_functions(), functions })
    }

    /// The line of the instruction at `offset` in `func`, or if none begins there, that of the function.
    pub fn line(&self, func: FuncIndex, offset: CodeOffset) -> Option<u32> {
        let function = self.functions.get(func.0.checked_sub(self.imported)? as usize)?;
        let found = function.instructions.binary_search_by_key(&offset.0, |&(offset, _)| offset).ok();
        Some(
            found
                .and_then(|position| function.instructions.get(position))
                .map_or(function.line, |&(_, line)| line),
        )
    }
}

/// Where each function begins that has a body, and the body.
fn bodies<'a, 'b>(fields: &'b [ModuleField<'a>]) -> impl Iterator<Item = (Span, &'b Expression<'a>)> {
    fields.iter().filter_map(|field| match field {
        ModuleField::Func(func) => match &func.kind {
            FuncKind::Inline { expression, .. } => Some((func.span, expression)),
            FuncKind::Import(..) => None,
        },
        _ => None,
    })
}

/// Where the instructions of a body lie, each `else` and `end` too, as far as it can be read.
pub(super) fn offsets(module: &Module, func: FuncIndex) -> Vec<u32> {
    let body = module.body(func).unwrap_or_default();
    let bytes = module.image().get(body.start as usize..body.end as usize).unwrap_or_default();
    let body = FunctionBody::new(BinaryReader::new(bytes, u64::from(body.start)));
    let Ok(reader) = body.get_operators_reader() else { return Vec::new() };
    let operators = reader.into_iter_with_offsets().map_while(Result::ok);
    operators.map(|(_, offset)| offset as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"(module
  (func $imported (import "a" "b"))
  (import "c" "d" (func))
  (global i32 (i32.const 1))
  (func $first
    nop)

  (func (export "second") (result i32)
    (if (i32.eqz
          (i32.const 1)) ;; and what follows
      (then (call $first)))
    (i32.add (i32.const 2)
      (i32.const 3)))
  (func))"#;

    #[test]
    fn an_instruction_has_the_line_on_which_it_stands() {
        let module = Module::parse(wat::parse_str(TEXT).unwrap()).unwrap();
        let lines = Lines::of(TEXT, &module).unwrap();
        let of = |func: u32| -> Vec<_> {
            let offsets = offsets(&module, FuncIndex(func));
            offsets.iter().map(|&offset| lines.line(FuncIndex(func), CodeOffset(offset)).unwrap()).collect()
        };
        // The `end` of a body stands nowhere: the line of its function.
        assert_eq!(of(2), [6, 5]);
        // i32.const, i32.eqz, if, call, end; i32.const, i32.const, i32.add; end.
        let second = of(3);
        assert_eq!([&second[..4], &second[5..]].concat(), [10, 9, 9, 11, 12, 13, 12, 8]);
        assert_eq!(of(4), [14]);
        assert_eq!(lines.line(FuncIndex(0), CodeOffset(0)), None);
        assert_eq!(lines.line(FuncIndex(9), CodeOffset(0)), None);
    }

    #[test]
    fn a_text_of_something_else_has_none() {
        let module = Module::parse(wat::parse_str(TEXT).unwrap()).unwrap();
        for text in ["(component)", "(module binary \"\\00asm\")", "(module (func)", "(module)"] {
            assert!(Lines::of(text, &module).is_none(), "{text}");
        }
    }
}
