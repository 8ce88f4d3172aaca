//! Time as C libraries and browsers give it, all from the virtual clock; and sleeping.

use super::{Entry, layout::BROKEN_DOWN_TIME, real};
use crate::sandbox::{
    clock::civil,
    context::{CallContext, CallEnd},
};

pub(super) const TABLE: &[Entry] = &[
    real("ftime", "timeb", ftime),
    real("time", "time", time),
    real("gettimeofday", "timeval timezone", gettimeofday),
    real("clock", "", clock),
    real("clock_gettime", "id timespec", clock_gettime),
    real("clock_getres", "id timespec", |ctx| timespec(ctx, 1, 1000)),
    real("emscripten_get_now", "", now),
    real("emscripten_performance_now", "", now),
    real("*performance_now*", "", now),
    real("*performance.now*", "", now),
    real("emscripten_date_now", "", date),
    real("*date_now*", "", date),
    real("Date.now", "", date),
    real("gmtime", "time", broken_down),
    real("localtime", "time", broken_down),
    real("gmtime_r", "time tm", broken_down_to),
    real("localtime_r", "time tm", broken_down_to),
    real("emscripten_sleep", "ms", |ctx| sleep(ctx, 1_000_000)),
    real("emscripten_sleep_with_yield", "ms", |ctx| sleep(ctx, 1_000_000)),
    real("emscripten_thread_sleep", "ms", |ctx| sleep(ctx, 1_000_000)),
    real("usleep", "us", |ctx| sleep(ctx, 1000)),
    real("sleep", "s", |ctx| sleep(ctx, 1_000_000_000)),
    real("nanosleep", "wanted left", nanosleep),
];

const MS: f64 = 1e6;

fn parts(ns: u64) -> (u32, u32) {
    ((ns / 1_000_000_000) as u32, (ns % 1_000_000_000) as u32)
}

fn answer(ctx: &mut CallContext<'_, '_>, value: i64) -> Result<(), CallEnd> {
    ctx.give(value);
    Ok(())
}

/// Seconds, milliseconds, zone and daylight saving.
fn ftime(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (seconds, ns) = parts(ctx.state.clock.real_ns());
    let mut timeb = [0; 10];
    timeb[..4].copy_from_slice(&seconds.to_le_bytes());
    timeb[4..6].copy_from_slice(&((ns / 1_000_000) as u16).to_le_bytes());
    _ = ctx.write(ctx.u32(0), &timeb);
    Ok(())
}

fn time(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (seconds, _) = parts(ctx.state.clock.real_ns());
    if ctx.u32(0) != 0 {
        _ = ctx.write_u32(ctx.u32(0), seconds);
    }
    ctx.is_inner();
    answer(ctx, seconds.into())
}

fn gettimeofday(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (seconds, ns) = parts(ctx.state.clock.real_ns());
    let at = ctx.u32(0);
    _ = ctx.write_u32(at, seconds).and_then(|()| ctx.write_u32(at.checked_add(4)?, ns / 1000));
    ctx.is_inner();
    Ok(())
}

/// Microseconds of processor time.
fn clock(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let now = ctx.state.clock.now_ns() - ctx.state.clock.slept_ns.min(ctx.state.clock.now_ns());
    answer(ctx, (now / 1000) as i64)
}

fn clock_gettime(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let ns = if ctx.u32(0) == 0 { ctx.state.clock.real_ns() } else { ctx.state.clock.now_ns() };
    timespec(ctx, 1, ns)
}

fn timespec(ctx: &mut CallContext<'_, '_>, index: usize, ns: u64) -> Result<(), CallEnd> {
    let ((seconds, rest), at) = (parts(ns), ctx.u32(index));
    _ = ctx.write_u32(at, seconds).and_then(|()| ctx.write_u32(at.checked_add(4)?, rest));
    ctx.is_inner();
    Ok(())
}

/// Milliseconds since the start, as `performance.now()`.
pub(super) fn now(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    // Browsers round to five microseconds.
    let ms = (ctx.state.clock.now_ns() / 5000 * 5000) as f64 / MS;
    ctx.give_f64(ms);
    ctx.is_inner();
    Ok(())
}

/// Milliseconds since 1970, as `Date.now()`.
pub(super) fn date(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let ms = ctx.state.clock.real_ns() / 1_000_000;
    ctx.give_f64(ms as f64);
    ctx.is_inner();
    Ok(())
}

fn broken_down(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    fill(ctx, BROKEN_DOWN_TIME)
}

fn broken_down_to(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    fill(ctx, ctx.u32(1))
}

/// Writes a `struct tm` for the seconds that the first argument points at, and answers where it is. The zone
/// is UTC.
fn fill(ctx: &mut CallContext<'_, '_>, at: u32) -> Result<(), CallEnd> {
    let seconds = ctx.read_u32(ctx.u32(0)).unwrap_or(0);
    let date = civil(i64::from(seconds as i32));
    let zone = BROKEN_DOWN_TIME + 48;
    let year = (date.year - 1900) as u32;
    let words = [
        date.second,
        date.minute,
        date.hour,
        date.day,
        date.month,
        year,
        date.weekday,
        date.yearday,
        0,
        0,
        zone,
    ];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let written = ctx.write(at, &bytes).and_then(|()| ctx.write(zone, b"GMT\0"));
    answer(ctx, if written.is_some() { at.into() } else { 0 })
}

/// The sample sleeps for the first argument, in units of so many nanoseconds.
fn sleep(ctx: &mut CallContext<'_, '_>, unit_ns: u64) -> Result<(), CallEnd> {
    // A negative time in a 32-bit argument is none.
    let units = (ctx.u32(0) as i32).max(0) as u64;
    ctx.state.clock.sleep(units.saturating_mul(unit_ns));
    Ok(())
}

fn nanosleep(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let at = ctx.u32(0);
    let seconds = ctx.read_u32(at).unwrap_or(0);
    let ns = at.checked_add(4).and_then(|at| ctx.read_u32(at)).unwrap_or(0);
    ctx.state.clock.sleep(u64::from(seconds) * 1_000_000_000 + u64::from(ns));
    Ok(())
}
