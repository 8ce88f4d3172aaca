//! Lines of the text that a module was made from: of each function it defines and of each instruction.
//!
//! The text is parsed a second time, by the same parser that made the binary: its n-th instruction of a
//! function is the n-th of the body. Costs about what making the binary did, so only who shows lines asks.

use wast::{
    Wat,
    core::{FuncKind, ModuleField, ModuleKind},
    parser::{self, ParseBuffer},
    token::Span,
};

use super::{CodeOffset, FuncIndex, Module, limits::TEXT_BYTES};

/// Lines of a text. They count from 1.
#[derive(Debug)]
pub struct Lines {
    functions: Vec<Function>,
}

#[derive(Debug)]
struct Function {
    line: u32,
    instructions: Vec<u32>,
}

impl Lines {
    /// Reads the lines of `text`; `None` if it is no module in the text format, or too long.
    pub fn of(text: &str) -> Option<Self> {
        if text.len() > TEXT_BYTES {
            return None;
        }
        let mut buffer = ParseBuffer::new(text).ok()?;
        buffer.track_instr_spans(true);
        let Ok(Wat::Module(module)) = parser::parse::<Wat<'_>>(&buffer) else { return None };
        let ModuleKind::Text(fields) = module.kind else { return None };
        let ends: Vec<_> = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
        let line = |span: Span| ends.partition_point(|&end| end < span.offset()) as u32 + 1;
        let functions = fields.iter().filter_map(|field| match field {
            ModuleField::Func(func) => match &func.kind {
                FuncKind::Inline { expression, .. } => {
                    let spans = expression.instr_spans.iter().flatten();
                    Some(Function {
                        line: line(func.span),
                        instructions: spans.map(|&span| line(span)).collect(),
                    })
                }
                FuncKind::Import(..) => None,
            },
            _ => None,
        });
        Some(Self { functions: functions.collect() })
    }

    /// The line of the instruction at `offset` in `func`, or if none begins there, that of the function. `None`
    /// if `module` is not what the text makes.
    pub fn line(&self, module: &Module, func: FuncIndex, offset: CodeOffset) -> Option<u32> {
        if module.defined_functions() as usize != self.functions.len() {
            return None;
        }
        let function = self.functions.get(func.0.checked_sub(module.imported_functions())? as usize)?;
        let code = module.code(func).ok();
        let position = code.and_then(|code| code.ops().binary_search_by_key(&offset, |op| op.offset).ok());
        let line = position.and_then(|position| function.instructions.get(position));
        Some(line.copied().unwrap_or(function.line))
    }
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
        let lines = Lines::of(TEXT).unwrap();
        let of = |func: u32| -> Vec<_> {
            let ops = module.code(FuncIndex(func)).unwrap().ops();
            ops.iter().map(|op| lines.line(&module, FuncIndex(func), op.offset).unwrap()).collect()
        };
        // The `end` of a body stands nowhere: the line of its function.
        assert_eq!(of(2), [6, 5]);
        // i32.const, i32.eqz, if, call, end; i32.const, i32.const, i32.add; end.
        let second = of(3);
        assert_eq!([&second[..4], &second[5..]].concat(), [10, 9, 9, 11, 12, 13, 12, 8]);
        assert_eq!(of(4), [14]);
        assert_eq!(lines.line(&module, FuncIndex(0), CodeOffset(0)), None);
        assert_eq!(lines.line(&module, FuncIndex(9), CodeOffset(0)), None);
    }

    #[test]
    fn a_text_of_something_else_has_none() {
        for text in ["(component)", "(module binary \"\\00asm\")", "(module (func)"] {
            assert!(Lines::of(text).is_none(), "{text}");
        }
        let other = Module::parse(wat::parse_str("(module)").unwrap()).unwrap();
        assert_eq!(Lines::of(TEXT).unwrap().line(&other, FuncIndex(2), CodeOffset(0)), None);
    }
}
