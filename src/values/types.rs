//! The types of what an instruction takes and gives.
//!
//! They follow from the name of the opcode, and where that does not say, from what the translation noted. So
//! an opcode of a newer proposal has its types without being listed.

use super::code::{Op, Ty};
use super::state::Typed;

/// Puts values and types together, as far as there are values: an instruction that ends its invocation comes
/// without results.
pub fn typed(types: &[Ty], slots: &[u64]) -> Vec<Typed> {
    let mut values = Vec::with_capacity(types.len());
    let mut rest = slots;
    for &ty in types {
        let Some((slots, after)) = rest.split_at_checked(ty.slots() as usize) else { break };
        let slots = [slots.first().copied().unwrap_or(0), slots.get(1).copied().unwrap_or(0)];
        values.push(Typed { ty, slots });
        rest = after;
    }
    values
}

/// The types of what an instruction takes and gives, as visitors are told of it. `return` takes the results
/// of its function, which are `results` here. What `throw` takes has the types of its tag, which are not
/// known here.
pub fn signature(op: &Op, results: &[Ty]) -> (Vec<Ty>, Vec<Ty>) {
    let name = op.opcode.mnemonic();
    let (index, ty) = (op.index, op.ty.unwrap_or(Ty::I32));
    let (prefix, rest) = name.split_once('.').unwrap_or((name, ""));
    match (prefix, rest) {
        ("local" | "global", "get") => (vec![], vec![ty]),
        ("local" | "global", "set") | ("drop", _) => (vec![ty], vec![]),
        ("local", "tee") => (vec![ty], vec![ty]),
        ("select", _) => (vec![ty, ty, Ty::I32], vec![ty]),
        ("if" | "br_if" | "br_table", _) => (vec![Ty::I32], vec![]),
        ("return", _) => (results.to_vec(), vec![]),
        ("call_indirect" | "return_call_indirect", _) => (vec![index], vec![]),
        ("call_ref" | "return_call_ref", _) => (vec![Ty::Func], vec![]),
        (name, _) if name.starts_with("br_on_") => (vec![ty], vec![]),
        ("ref", "is_null") => (vec![ty], vec![Ty::I32]),
        ("ref", "as_non_null" | "cast") => (vec![ty], vec![ty]),
        ("ref", "eq") => (vec![Ty::Any; 2], vec![Ty::I32]),
        ("ref", "test") => (vec![Ty::Any], vec![Ty::I32]),
        ("ref", "i31") => (vec![Ty::I32], vec![Ty::Any]),
        ("ref", _) => (vec![], vec![ty]),
        ("i31", _) => (vec![Ty::Any], vec![Ty::I32]),
        ("any", _) => (vec![Ty::Extern], vec![Ty::Any]),
        ("extern", _) => (vec![Ty::Any], vec![Ty::Extern]),
        ("struct" | "array", rest) => object(rest, prefix == "array", ty),
        ("atomic", _) => (vec![], vec![]),
        (prefix, rest) if rest.starts_with("atomic.") => atomic(scalar(prefix), rest, index),
        ("memory", rest) => memory(rest, index),
        ("table", rest) => table(rest, index, ty),
        _ => match scalar(prefix) {
            Some(ty) => numeric(ty, rest, index),
            None if rest.is_empty() => (vec![], vec![]),
            None => vector(prefix, rest, index),
        },
    }
}

/// Operators on structures and arrays. What an object is made of has types that are not known here.
fn object(rest: &str, is_array: bool, ty: Ty) -> (Vec<Ty>, Vec<Ty>) {
    match rest {
        "len" => (vec![Ty::Any], vec![Ty::I32]),
        "set" if is_array => (vec![Ty::Any, Ty::I32, ty], vec![]),
        "set" => (vec![Ty::Any, ty], vec![]),
        "new_default" if is_array => (vec![Ty::I32], vec![Ty::Any]),
        "new_data" | "new_elem" => (vec![Ty::I32; 2], vec![Ty::Any]),
        "copy" => (vec![Ty::Any, Ty::I32, Ty::Any, Ty::I32, Ty::I32], vec![]),
        "init_data" | "init_elem" => (vec![Ty::Any, Ty::I32, Ty::I32, Ty::I32], vec![]),
        "fill" => (vec![Ty::Any, Ty::I32], vec![]),
        _ if rest.starts_with("get") && is_array => (vec![Ty::Any, Ty::I32], vec![ty]),
        _ if rest.starts_with("get") => (vec![Ty::Any], vec![ty]),
        _ => (vec![], vec![Ty::Any]),
    }
}

fn memory(rest: &str, index: Ty) -> (Vec<Ty>, Vec<Ty>) {
    match rest {
        "size" => (vec![], vec![index]),
        "grow" => (vec![index], vec![index]),
        "fill" => (vec![index, Ty::I32, index], vec![]),
        "copy" => (vec![index; 3], vec![]),
        _ => (vec![index, Ty::I32, Ty::I32], vec![]),
    }
}

/// Atomic accesses; of those that name no type, waiting and waking.
fn atomic(ty: Option<Ty>, rest: &str, index: Ty) -> (Vec<Ty>, Vec<Ty>) {
    let Some(ty) = ty else {
        return match rest {
            "atomic.wait32" => (vec![index, Ty::I32, Ty::I64], vec![Ty::I32]),
            "atomic.wait64" => (vec![index, Ty::I64, Ty::I64], vec![Ty::I32]),
            _ => (vec![index, Ty::I32], vec![Ty::I32]),
        };
    };
    match rest {
        _ if rest.starts_with("atomic.load") => (vec![index], vec![ty]),
        _ if rest.starts_with("atomic.store") => (vec![index, ty], vec![]),
        _ if rest.contains("cmpxchg") => (vec![index, ty, ty], vec![ty]),
        _ => (vec![index, ty], vec![ty]),
    }
}

fn table(rest: &str, index: Ty, element: Ty) -> (Vec<Ty>, Vec<Ty>) {
    match rest {
        "size" => (vec![], vec![index]),
        "get" => (vec![index], vec![element]),
        "set" => (vec![index, element], vec![]),
        "grow" => (vec![element, index], vec![index]),
        "fill" => (vec![index, element, index], vec![]),
        "copy" => (vec![index; 3], vec![]),
        _ => (vec![index, Ty::I32, Ty::I32], vec![]),
    }
}

fn scalar(prefix: &str) -> Option<Ty> {
    Some(match prefix {
        "i32" => Ty::I32,
        "i64" => Ty::I64,
        "f32" => Ty::F32,
        "f64" => Ty::F64,
        _ => return None,
    })
}

/// Instructions that a type of numbers names.
fn numeric(ty: Ty, rest: &str, index: Ty) -> (Vec<Ty>, Vec<Ty>) {
    let mut parts = rest.split('_');
    let verb = parts.next().unwrap_or_default();
    let from = parts.find_map(scalar);
    match (verb, rest) {
        ("const", _) => (vec![], vec![ty]),
        ("eqz", _) => (vec![ty], vec![Ty::I32]),
        ("eq" | "ne" | "lt" | "gt" | "le" | "ge", _) => (vec![ty; 2], vec![Ty::I32]),
        (_, "add128" | "sub128") => (vec![ty; 4], vec![ty; 2]),
        (_, "mul_wide_s" | "mul_wide_u") => (vec![ty; 2], vec![ty; 2]),
        ("wrap" | "extend" | "trunc" | "convert" | "demote" | "promote" | "reinterpret", _)
            if from.is_some() =>
        {
            (from.into_iter().collect(), vec![ty])
        }
        (verb, _) if verb.starts_with("load") => (vec![index], vec![ty]),
        (verb, _) if verb.starts_with("store") => (vec![index, ty], vec![]),
        (verb, _) if verb.starts_with("extend") => (vec![ty], vec![ty]),
        ("clz" | "ctz" | "popcnt" | "abs" | "neg" | "sqrt" | "ceil" | "floor" | "trunc" | "nearest", _) => {
            (vec![ty], vec![ty])
        }
        _ => (vec![ty; 2], vec![ty]),
    }
}

/// Instructions on vectors.
fn vector(prefix: &str, rest: &str, index: Ty) -> (Vec<Ty>, Vec<Ty>) {
    let lane = match prefix {
        "i64x2" => Ty::I64,
        "f32x4" => Ty::F32,
        "f64x2" => Ty::F64,
        _ => Ty::I32,
    };
    let (one, two) = (vec![Ty::V128], vec![Ty::V128; 2]);
    let unary = [
        "not",
        "abs",
        "neg",
        "popcnt",
        "ceil",
        "floor",
        "trunc",
        "nearest",
        "sqrt",
        "extend_low",
        "extend_high",
        "extadd",
        "convert",
        "demote",
        "promote",
        "trunc_sat",
        "relaxed_trunc",
    ];
    match rest {
        "const" => (vec![], one),
        "splat" => (vec![lane], one),
        "bitselect" => (vec![Ty::V128; 3], one),
        "any_true" | "all_true" | "bitmask" => (one, vec![Ty::I32]),
        "shl" | "shr_s" | "shr_u" => (vec![Ty::V128, Ty::I32], one),
        _ if rest.starts_with("extract_lane") => (one, vec![lane]),
        _ if rest.starts_with("replace_lane") => (vec![Ty::V128, lane], one),
        _ if rest.starts_with("store") => (vec![index, Ty::V128], vec![]),
        _ if rest.starts_with("load") && rest.ends_with("_lane") => (vec![index, Ty::V128], one),
        _ if rest.starts_with("load") => (vec![index], one),
        _ if rest.contains("madd") || rest.contains("laneselect") || rest.contains("dot_i8x16_i7x16_add") => {
            (vec![Ty::V128; 3], one)
        }
        _ if unary.iter().any(|name| rest.starts_with(name)) => (one.clone(), one),
        _ => (two, one),
    }
}
