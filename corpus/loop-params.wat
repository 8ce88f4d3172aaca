;; RUN: spoor trace % --invoke main --json
;; WHAT: Loops with parameters.
;; EXPECT: verdict=CLEAN norule=impact/ status=exited
;; Loops with parameters: `br_if` copies them, which an engine may turn into two branches; still one decision
;; each.
(module
  (func (export "main") (result i32 i32) (local $n i32)
    (i32.const 0) (i32.const 1)
    (local.set $n (i32.const 20))
    (loop $once (param i32 i32) (result i32 i32))
    (drop) (drop)
    (i32.const 0) (i32.const 1) (i32.const 20)
    (loop $next (param i32 i32 i32) (result i32 i32)
      (local.set $n)
      (call $step)
      (i32.sub (local.get $n) (i32.const 1))
      (br_if $next (i32.gt_s (local.get $n) (i32.const 1)))
      (drop)))
  (func $step (param $a i32) (param $b i32) (result i32 i32)
    (local.get $b) (i32.add (local.get $a) (local.get $b))))
