//! Which dispatch this build has, and that it may have it.

#![warn(warnings, missing_docs, unused, clippy::all)]

/// Whether handlers end in tail calls; otherwise a loop calls one after the other.
pub const USES_TAIL_CALLS: bool = cfg!(all(
    not(feature = "portable-dispatch"),
    any(not(feature = "auto-dispatch"), all(wasmi_use_tail_calls, not(debug_assertions), not(coverage)))
));

/// Wraps, unless this crate is compiled with overflow checks.
#[cfg_attr(not(wasmi_use_tail_calls), expect(dead_code))]
const fn wrapping_unless_checked(value: u8) -> u8 {
    value + 1
}

/// An error here ("would overflow") means: overflow checks are on, which tail calls do not bear (the native
/// stack overflows in a small loop). Switch them off for this crate,
///
/// ```toml
/// [profile.release.package.wasmspoor-hooks]
/// overflow-checks = false
/// ```
///
/// or take its feature `portable-dispatch`.
#[cfg(all(not(feature = "portable-dispatch"), wasmi_use_tail_calls, not(debug_assertions), not(coverage)))]
const SET_OVERFLOW_CHECKS_TO_FALSE_FOR_WASMSPOOR_HOOKS_OR_TAKE_ITS_FEATURE_PORTABLE_DISPATCH: u8 =
    wrapping_unless_checked(u8::MAX);

#[cfg(all(not(feature = "portable-dispatch"), wasmi_use_tail_calls, not(debug_assertions), not(coverage)))]
const _: u8 = SET_OVERFLOW_CHECKS_TO_FALSE_FOR_WASMSPOOR_HOOKS_OR_TAKE_ITS_FEATURE_PORTABLE_DISPATCH;
