;; RUN: spoor trace % --json
;; WHAT: Game of life on a torus of 64 by 32, twenty generations, then prints the board.
;; EXPECT: verdict=CLEAN status=exited norule=impact/ norule=anti-analysis/
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $write (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $cell (param $x i32) (param $y i32) (param $board i32) (result i32)
    (i32.load8_u (i32.add (local.get $board)
      (i32.add (i32.shl (i32.and (local.get $y) (i32.const 31)) (i32.const 6)) (i32.and (local.get $x) (i32.const 63))))))
  (func $around (param $x i32) (param $y i32) (param $b i32) (result i32) (local $dx i32) (local $dy i32) (local $n i32)
    (local.set $dy (i32.const -1))
    (loop $row
      (local.set $dx (i32.const -1))
      (loop $column
        (local.set $n (i32.add (local.get $n)
          (call $cell (i32.add (local.get $x) (local.get $dx)) (i32.add (local.get $y) (local.get $dy)) (local.get $b))))
        (br_if $column (i32.le_s (local.tee $dx (i32.add (local.get $dx) (i32.const 1))) (i32.const 1))))
      (br_if $row (i32.le_s (local.tee $dy (i32.add (local.get $dy) (i32.const 1))) (i32.const 1))))
    (i32.sub (local.get $n) (call $cell (local.get $x) (local.get $y) (local.get $b))))
  (func $step (param $from i32) (param $to i32) (local $x i32) (local $y i32) (local $n i32)
    (loop $row
      (local.set $x (i32.const 0))
      (loop $column
        (local.set $n (call $around (local.get $x) (local.get $y) (local.get $from)))
        (i32.store8 (i32.add (local.get $to) (i32.add (i32.shl (local.get $y) (i32.const 6)) (local.get $x)))
          (i32.or (i32.eq (local.get $n) (i32.const 3))
            (i32.and (i32.eq (local.get $n) (i32.const 2)) (call $cell (local.get $x) (local.get $y) (local.get $from)))))
        (br_if $column (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (i32.const 64))))
      (br_if $row (i32.lt_u (local.tee $y (i32.add (local.get $y) (i32.const 1))) (i32.const 32)))))
  (func $print (param $board i32) (local $i i32) (local $p i32)
    (local.set $p (i32.const 16384))
    (loop $next
      (i32.store8 (local.get $p) (select (i32.const 35) (i32.const 46) (i32.load8_u (i32.add (local.get $board) (local.get $i)))))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (if (i32.eq (i32.and (local.get $i) (i32.const 63)) (i32.const 63))
        (then
          (i32.store8 (local.get $p) (i32.const 10))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2048))))
    (call $write (i32.const 1) (i32.const 16384) (i32.sub (local.get $p) (i32.const 16384))))
  (func (export "_start") (local $i i32)
    ;; An r-pentomino.
    (i32.store8 (i32.const 5025) (i32.const 1)) (i32.store8 (i32.const 5026) (i32.const 1))
    (i32.store8 (i32.const 5088) (i32.const 1)) (i32.store8 (i32.const 5089) (i32.const 1))
    (i32.store8 (i32.const 5153) (i32.const 1))
    (loop $generation
      (call $step (i32.const 4096) (i32.const 8192))
      (call $step (i32.const 8192) (i32.const 4096))
      (br_if $generation (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10))))
    (call $print (i32.const 4096))))
