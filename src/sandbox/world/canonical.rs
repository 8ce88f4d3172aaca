//! Functions of the canonical ABI that a component's program imports. A resource of its own is known by its
//! representation, which stands for the handle too.

use super::{Entry, made};
use crate::sandbox::context::{CallContext, CallEnd};

pub(super) const TABLE: &[Entry] = &[
    made("resource.new", "representation", same),
    made("resource.rep", "handle", same),
    made("[resource-drop]", "handle", |_| Ok(())),
];

fn same(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let value = ctx.u32(0);
    ctx.give(value.into());
    Ok(())
}
