;; RUN: spoor trace % --invoke run --json
;; WHAT: Keeps 768 bytes that look encrypted in a custom section, which an engine passes over: a payload for a
;;   loader that reads its own file.
;; EXPECT: rule=anti-analysis/packing norule=impact/ status=exited
(module
  (func (export "run") (result i32) (i32.const 7))
  (@custom "payload"
    "\22\38\18\d3\b8\4b\2f\0c\43\80\26\33\af\6f\4c\65\a5\f3\52\dd\70\a3\8e\16\f0\bc\ec\6c\15\5f\da\10"
    "\c7\7b\4e\1d\e1\a8\0c\d9\78\cc\94\e8\be\56\61\59\ca\48\01\1c\1d\5a\0a\ea\8b\b1\e7\f2\b8\f2\4a\09"
    "\1c\93\a1\5a\ae\fb\93\ec\d0\ab\e7\11\a5\e4\7f\39\69\c4\93\73\bc\52\8c\03\f5\a3\23\e3\2a\a9\81\5b"
    "\74\0b\4f\fd\00\06\1f\9f\28\b1\f2\13\44\bf\e8\28\6a\51\74\23\20\bc\dd\0b\21\3b\60\4e\17\f5\a4\92"
    "\a5\54\fc\d7\65\01\fa\b7\02\2d\60\5c\b3\85\64\c7\a3\14\8e\bf\78\62\22\46\ba\2f\7d\27\b2\6d\51\a7"
    "\42\bd\3c\75\88\b5\30\79\3d\45\d1\25\e7\91\3a\40\2f\db\11\f2\d1\e0\5c\d8\da\ad\75\93\23\c5\47\99"
    "\13\a3\31\b4\30\18\89\77\e9\13\19\8a\c3\af\22\41\bd\23\b8\cb\40\d6\a8\b1\59\d3\bc\61\7a\e5\11\d7"
    "\1c\72\5c\76\73\ee\75\c5\74\44\f0\8b\9f\9c\ad\4c\cf\46\a9\ca\f2\02\89\e6\3c\8e\11\2c\30\e0\3e\8e"
    "\8f\ad\04\f3\7d\52\fc\49\5c\60\7a\34\5e\7c\f9\1e\b5\b6\4f\b6\65\de\76\f5\a2\6f\c9\c4\43\26\4e\c8"
    "\a6\3f\c7\53\02\c9\c6\08\fa\1e\69\89\0b\0c\3c\94\67\37\46\cc\98\f9\cd\00\be\22\5b\63\35\fd\61\03"
    "\e2\aa\0d\23\ca\6b\38\64\d6\f8\e6\0c\25\e9\d7\c8\5c\ab\96\b7\27\1b\a3\dc\fe\fc\5f\33\bf\36\f3\cb"
    "\2e\23\b2\69\64\c1\5b\22\20\65\fa\9b\6c\77\42\89\c1\16\6b\78\2a\2f\08\da\2f\7f\63\8a\e9\77\2f\79"
    "\a0\28\2f\ea\a1\d0\1b\a8\c6\0e\91\c2\36\48\dd\17\49\99\f4\ab\28\72\05\45\5d\e1\09\21\f5\53\8f\7d"
    "\7a\32\4f\56\0d\fe\24\39\d2\87\99\2f\ed\cd\56\2c\a3\7d\87\83\6c\4d\29\97\5a\2d\59\3e\10\19\67\8e"
    "\5a\59\b5\ed\ce\b6\fb\af\e8\c7\45\1f\6f\19\97\47\a4\62\2d\2b\a9\5b\6c\94\7f\da\14\4a\e6\a2\0f\de"
    "\6b\3d\ac\91\ab\07\7e\07\11\00\d1\16\ec\d8\73\1c\a7\53\08\09\ea\85\fb\03\b0\fb\88\8b\a0\d9\6b\2d"
    "\2e\9d\f1\c8\53\bf\6a\b8\47\fa\c3\60\e7\64\5a\e5\45\0d\39\7c\ce\d8\9d\90\b9\ad\ac\bb\1a\4c\54\77"
    "\12\7b\4a\36\96\10\ea\70\fd\e1\6d\04\0d\73\c2\0f\a7\38\d1\c6\bd\b6\65\2b\1f\3e\bb\7e\81\7e\8b\53"
    "\6b\23\a7\b7\3a\8f\5a\7b\04\0a\a5\25\fb\31\75\e3\ba\b9\64\27\65\0b\c0\29\fc\66\0f\5b\fa\9a\96\68"
    "\d5\dc\4f\ef\f3\d0\b6\f6\62\61\3c\ae\1b\2c\df\aa\18\c9\65\b4\38\c2\88\38\b0\2a\cd\e3\2c\eb\ad\71"
    "\a8\4a\6e\1d\04\b0\8c\14\61\b2\4c\f4\32\16\46\50\7c\59\55\b3\8b\81\83\ad\6a\ca\12\06\76\45\57\a5"
    "\06\35\1d\2b\7e\1a\1e\89\9c\c0\b2\a6\b7\b1\82\38\bc\ed\57\0f\c2\c8\0f\66\d0\f6\ce\3b\dc\37\10\61"
    "\fb\ee\4d\69\22\1a\80\fc\7c\51\78\dc\c7\85\c2\1f\30\d2\32\29\0f\4f\ce\17\a6\80\49\bc\1c\2b\b8\d3"
    "\63\3b\65\5c\d8\1a\4b\7e\9a\c9\59\b4\14\ba\4d\31\6e\a7\26\a0\00\16\04\49\8f\ca\32\68\ad\f3\b5\bf"))
