;; RUN: spoor trace % --json
;; WHAT: Draws the Mandelbrot set in letters: a hot loop of floating-point numbers, much work and no input.
;; EXPECT: verdict=CLEAN status=exited norule=impact/ xor=0 rotate=0 host=wasi_snapshot_preview1.fd_write:24
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $write (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $escape (param $cx f64) (param $cy f64) (result i32) (local $x f64) (local $y f64) (local $t f64) (local $n i32)
    (loop $next
      (local.set $t (f64.add (f64.sub (f64.mul (local.get $x) (local.get $x)) (f64.mul (local.get $y) (local.get $y))) (local.get $cx)))
      (local.set $y (f64.add (f64.mul (f64.mul (f64.const 2) (local.get $x)) (local.get $y)) (local.get $cy)))
      (local.set $x (local.get $t))
      (if (f64.gt (f64.add (f64.mul (local.get $x) (local.get $x)) (f64.mul (local.get $y) (local.get $y))) (f64.const 4))
        (then (return (local.get $n))))
      (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 200))))
    (i32.const 200))
  (func $shade (param $n i32) (result i32)
    (if (i32.eq (local.get $n) (i32.const 200)) (then (return (i32.const 32))))
    (i32.load8_u offset=512 (i32.and (local.get $n) (i32.const 7))))
  (func (export "_start") (local $row i32) (local $column i32)
    (loop $down
      (local.set $column (i32.const 0))
      (loop $across
        (i32.store8 offset=1024 (local.get $column)
          (call $shade (call $escape
            (f64.sub (f64.mul (f64.convert_i32_s (local.get $column)) (f64.const 0.04)) (f64.const 2.2))
            (f64.sub (f64.mul (f64.convert_i32_s (local.get $row)) (f64.const 0.1)) (f64.const 1.2)))))
        (br_if $across (i32.lt_u (local.tee $column (i32.add (local.get $column) (i32.const 1))) (i32.const 76))))
      (i32.store8 (i32.const 1100) (i32.const 10))
      (call $write (i32.const 1) (i32.const 1024) (i32.const 77))
      (br_if $down (i32.lt_u (local.tee $row (i32.add (local.get $row) (i32.const 1))) (i32.const 24)))))
  (data (i32.const 512) ".:-=+*%@")
)
