//! Mathematics that old modules had from JavaScript: real results, nothing made up.

use super::{Entry, real};
use crate::sandbox::context::{CallContext, CallEnd};

macro_rules! unary {
    ($name:literal, $function:path) => {
        real($name, "", |ctx| give(ctx, $function(ctx.f64(0))))
    };
}

pub(super) const TABLE: &[Entry] = &[
    unary!("acos", f64::acos),
    unary!("acosf", f64::acos),
    unary!("asin", f64::asin),
    unary!("asinf", f64::asin),
    unary!("atan", f64::atan),
    unary!("cos", f64::cos),
    unary!("cosf", f64::cos),
    unary!("exp", f64::exp),
    unary!("expf", f64::exp),
    unary!("log", f64::ln),
    unary!("logf", f64::ln),
    unary!("llvm_exp2_f64", f64::exp2),
    unary!("llvm_exp2_f32", f64::exp2),
    unary!("llvm_log2_f64", f64::log2),
    unary!("llvm_log10_f64", f64::log10),
    unary!("sin", f64::sin),
    unary!("sinf", f64::sin),
    unary!("tan", f64::tan),
    unary!("tanf", f64::tan),
    unary!("sqrt", f64::sqrt),
    unary!("floor", f64::floor),
    unary!("ceil", f64::ceil),
    unary!("fabs", f64::abs),
    real("atan2", "", |ctx| give(ctx, ctx.f64(0).atan2(ctx.f64(1)))),
    real("atan2f", "", |ctx| give(ctx, ctx.f64(0).atan2(ctx.f64(1)))),
    real("pow", "", |ctx| give(ctx, ctx.f64(0).powf(ctx.f64(1)))),
    real("powf", "", |ctx| give(ctx, ctx.f64(0).powf(ctx.f64(1)))),
    real("llvm_pow_f64", "", |ctx| give(ctx, ctx.f64(0).powf(ctx.f64(1)))),
    real("fmod", "", |ctx| give(ctx, ctx.f64(0) % ctx.f64(1))),
    real("fmodf", "", |ctx| give(ctx, ctx.f64(0) % ctx.f64(1))),
    real("f64-rem", "", |ctx| give(ctx, ctx.f64(0) % ctx.f64(1))),
    real("f64-to-int", "", |ctx| integer(ctx, to_int32(ctx.f64(0)))),
    real("f64-to-uint", "", |ctx| integer(ctx, to_int32(ctx.f64(0)))),
    real("f64-to-int64", "", |ctx| {
        let value = ctx.f64(0) as i64;
        ctx.give(value);
        Ok(())
    }),
    // JavaScript's division by zero gives zero.
    real("i32s-div", "", |ctx| integer(ctx, (ctx.u32(0) as i32).checked_div(ctx.u32(1) as i32).unwrap_or(0))),
    real("i32u-div", "", |ctx| integer(ctx, ctx.u32(0).checked_div(ctx.u32(1)).unwrap_or(0) as i32)),
    real("i32s-rem", "", |ctx| integer(ctx, (ctx.u32(0) as i32).checked_rem(ctx.u32(1) as i32).unwrap_or(0))),
    real("i32u-rem", "", |ctx| integer(ctx, ctx.u32(0).checked_rem(ctx.u32(1)).unwrap_or(0) as i32)),
];

fn give(ctx: &mut CallContext<'_, '_>, value: f64) -> Result<(), CallEnd> {
    ctx.give_f64(value);
    ctx.is_inner();
    Ok(())
}

fn integer(ctx: &mut CallContext<'_, '_>, value: i32) -> Result<(), CallEnd> {
    ctx.give(value.into());
    ctx.is_inner();
    Ok(())
}

/// `x | 0` of JavaScript: the integer part modulo two to the 32.
fn to_int32(value: f64) -> i32 {
    const MODULUS: f64 = 4_294_967_296.0;
    if value.is_finite() { value.trunc().rem_euclid(MODULUS) as u32 as i32 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::to_int32;

    #[test]
    fn floats_become_integers_as_in_javascript() {
        for (value, expected) in [
            (1.9, 1),
            (-1.9, -1),
            (4_294_967_297.0, 1),
            (2_147_483_648.0, i32::MIN),
            (-2_147_483_649.0, i32::MAX),
            (f64::NAN, 0),
            (f64::INFINITY, 0),
        ] {
            assert_eq!(to_int32(value), expected, "{value}");
        }
    }
}
