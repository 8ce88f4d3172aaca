;; RUN: spoor trace % --invoke run --json
;; WHAT: Carries a second module and the head of an ELF file in its data, in plain sight, and only measures
;;   them.
;; EXPECT: rule=load-code/embedded norule=impact/ status=exited
(module
  (memory (export "memory") 1)
  (func (export "run") (result i32) (i32.add (i32.load (i32.const 64)) (i32.load (i32.const 256))))
  (data (i32.const 64) "\00\61\73\6d\01\00\00\00\01\04\01\60\00\00\03\02\01\00\07\07\01\03\72\75\6e\00\00\0a\04\01\02\00\0b")
  (data (i32.const 256) "\7f\45\4c\46\02\01\01\00\00\00\00\00\00\00\00\00\02\00\3e\00\01\00\00\00"))
