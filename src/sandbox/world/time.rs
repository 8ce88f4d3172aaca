//! Time as C libraries and browsers give it, all from the virtual clock; and sleeping.

use super::{Entry, layout::BROKEN_DOWN_TIME, real};
use crate::sandbox::{
    clock::civil,
    cx::{Cx, End},
};

pub(super) const TABLE: &[Entry] = &[
    real("ftime", "timeb", ftime),
    real("time", "time", time),
    real("gettimeofday", "timeval timezone", gettimeofday),
    real("clock", "", clock),
    real("clock_gettime", "id timespec", clock_gettime),
    real("clock_getres", "id timespec", |cx| timespec(cx, 1, 1000)),
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
    real("emscripten_sleep", "ms", |cx| sleep(cx, 1_000_000)),
    real("emscripten_sleep_with_yield", "ms", |cx| sleep(cx, 1_000_000)),
    real("emscripten_thread_sleep", "ms", |cx| sleep(cx, 1_000_000)),
    real("usleep", "us", |cx| sleep(cx, 1000)),
    real("sleep", "s", |cx| sleep(cx, 1_000_000_000)),
    real("nanosleep", "wanted left", nanosleep),
];

const MS: f64 = 1e6;

fn parts(ns: u64) -> (u32, u32) {
    ((ns / 1_000_000_000) as u32, (ns % 1_000_000_000) as u32)
}

fn answer(cx: &mut Cx<'_, '_>, value: i64) -> Result<(), End> {
    cx.give(value);
    Ok(())
}

/// Seconds, milliseconds, zone and daylight saving.
fn ftime(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let (seconds, ns) = parts(cx.state.clock.real_ns());
    let mut timeb = [0; 10];
    timeb[..4].copy_from_slice(&seconds.to_le_bytes());
    timeb[4..6].copy_from_slice(&((ns / 1_000_000) as u16).to_le_bytes());
    _ = cx.write(cx.u32(0), &timeb);
    Ok(())
}

fn time(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let (seconds, _) = parts(cx.state.clock.real_ns());
    if cx.u32(0) != 0 {
        _ = cx.write_u32(cx.u32(0), seconds);
    }
    answer(cx, seconds.into())
}

fn gettimeofday(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let (seconds, ns) = parts(cx.state.clock.real_ns());
    let at = cx.u32(0);
    _ = cx.write_u32(at, seconds).and_then(|()| cx.write_u32(at.checked_add(4)?, ns / 1000));
    Ok(())
}

/// Microseconds of processor time.
fn clock(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let now = cx.state.clock.now_ns() - cx.state.clock.slept_ns.min(cx.state.clock.now_ns());
    answer(cx, (now / 1000) as i64)
}

fn clock_gettime(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let ns = if cx.u32(0) == 0 { cx.state.clock.real_ns() } else { cx.state.clock.now_ns() };
    timespec(cx, 1, ns)
}

fn timespec(cx: &mut Cx<'_, '_>, index: usize, ns: u64) -> Result<(), End> {
    let ((seconds, rest), at) = (parts(ns), cx.u32(index));
    _ = cx.write_u32(at, seconds).and_then(|()| cx.write_u32(at.checked_add(4)?, rest));
    Ok(())
}

/// Milliseconds since the start, as `performance.now()`.
pub(super) fn now(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    // Browsers round to five microseconds.
    let ms = (cx.state.clock.now_ns() / 5000 * 5000) as f64 / MS;
    cx.give_f64(ms);
    Ok(())
}

/// Milliseconds since 1970, as `Date.now()`.
pub(super) fn date(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let ms = cx.state.clock.real_ns() / 1_000_000;
    cx.give_f64(ms as f64);
    Ok(())
}

fn broken_down(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    fill(cx, BROKEN_DOWN_TIME)
}

fn broken_down_to(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    fill(cx, cx.u32(1))
}

/// Writes a `struct tm` for the seconds that the first argument points at, and answers where it is. The zone
/// is UTC.
fn fill(cx: &mut Cx<'_, '_>, at: u32) -> Result<(), End> {
    let seconds = cx.read_u32(cx.u32(0)).unwrap_or(0);
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
    let written = cx.write(at, &bytes).and_then(|()| cx.write(zone, b"GMT\0"));
    answer(cx, if written.is_some() { at.into() } else { 0 })
}

/// The sample sleeps for the first argument, in units of so many nanoseconds.
fn sleep(cx: &mut Cx<'_, '_>, unit_ns: u64) -> Result<(), End> {
    // A negative time in a 32-bit argument is none.
    let units = (cx.u32(0) as i32).max(0) as u64;
    cx.state.clock.sleep(units.saturating_mul(unit_ns));
    Ok(())
}

fn nanosleep(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let at = cx.u32(0);
    let seconds = cx.read_u32(at).unwrap_or(0);
    let ns = at.checked_add(4).and_then(|at| cx.read_u32(at)).unwrap_or(0);
    cx.state.clock.sleep(u64::from(seconds) * 1_000_000_000 + u64::from(ns));
    Ok(())
}
