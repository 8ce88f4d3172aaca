//! Constants of cryptographic algorithms among the `const` instructions that were executed.

use crate::module::{CodeOffset, view::View};

use super::{
    Constant, Detail, Dynamic, MAX_TARGETS, Place,
    profile::{Profile, Ran},
};

pub(super) fn derive(profile: &Profile<'_>, view: &View, dynamic: &mut Dynamic) {
    for constant in &view.crypto {
        let Some(ran) = constant.func.and_then(|func| profile.function(func)) else { continue };
        let (mut count, mut first) = (0u64, None);
        for &offset in &constant.sites {
            let executed = executed(ran, offset);
            count = count.saturating_add(executed);
            if executed != 0 {
                first = Some(first.map_or(offset, |first: CodeOffset| first.min(offset)));
            }
        }
        if let Some(offset) = first {
            dynamic.constants.push(Constant {
                name: constant.name.clone(),
                algorithm: constant.algorithm.clone(),
                place: Place { func: ran.func(), offset },
                count,
            });
        }
    }
    for constant in &dynamic.constants {
        keep(&mut dynamic.metrics.detail, constant);
        let of = dynamic.functions.binary_search_by_key(&constant.place.func, |function| function.index);
        if let Some(function) = of.ok().and_then(|position| dynamic.functions.get_mut(position)) {
            keep(&mut function.exclusive.detail, constant);
        }
    }
}

fn keep(detail: &mut Detail, constant: &Constant) {
    match detail.constants.len() < MAX_TARGETS {
        true => detail.constants.push(constant.clone()),
        false => detail.constants_cut += 1,
    }
}

/// How often the instruction at `offset` was executed.
fn executed(ran: Ran<'_>, offset: CodeOffset) -> u64 {
    let Ok(position) = ran.code.ops().binary_search_by_key(&offset, |op| op.offset) else { return 0 };
    ran.executed(position)
}
