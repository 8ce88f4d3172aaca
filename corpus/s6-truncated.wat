;; RUN: spoor trace % --json
;; WHAT: WASMShark S6: a module whose code section is cut off in the middle; there CLEAN with exit code 0.
;; EXPECT: verdict=UNDECIDED|SUSPICIOUS|POTENTIALLY_UNWANTED status=invalid
(module binary
  "\00asm" "\01\00\00\00"
  ;; type: () -> i32
  "\01\05\01\60\00\01\7f"
  ;; one function, exported as `main`
  "\03\02\01\00"
  "\07\08\01\04main\00\00"
  ;; code: 64 bytes announced, 4 there
  "\0a\40\01\3e\00\41"
)
