;; W12. Hands the host a name of four gibibytes that begins at the end of its memory. It is ended before
;; anything is read.
(module
  (import "agentbox:host/invoke@0.1.0" "start"
    (func $start (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 0x2000))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "_start")
    (drop (call $start (i32.const 0xfff0) (i32.const -1) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0)))))
