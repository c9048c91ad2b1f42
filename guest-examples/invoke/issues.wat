;; Calls one operation by name, with JSON in and out, and returns what it gave.
;;
;; A core module needs no types for this: `agentbox:host/invoke` is the same for every operation.
;; The layout of what `wait` writes is the canonical ABI's for `option<tuple<u32, result<answer, error>>>`.
(module
  (import "agentbox:host/invoke@0.1.0" "start"
    (func $start (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "agentbox:host/invoke@0.1.0" "wait" (func $wait (param i32)))
  (memory (export "memory") 16)
  (data (i32.const 0) "github:issues/list-for-repo")
  (data (i32.const 32) "{\22owner\22:\22acme\22,\22repo\22:\22widgets\22}")
  (data (i32.const 96) "no result")

  ;; What the host writes goes behind all that: it asks here for so many bytes at such an alignment.
  (global $free (mut i32) (i32.const 256))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $free) (i32.sub (local.get 2) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get 2))))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func (export "run") (result i32)
    (drop (call $start (i32.const 0) (i32.const 27) (i32.const 32) (i32.const 33) (i32.const 0) (i32.const 0)))
    (call $wait (i32.const 128))
    ;; 136: ok or err, 140: the text of an ok; for an err 140 is which, and 160 the text of `denied`.
    (if (i32.load8_u (i32.const 136))
      (then
        (if (i32.load8_u (i32.const 140))
          (then (i64.store (i32.const 140) (i64.const 0x0900000060)))
          (else (i64.store (i32.const 140) (i64.load (i32.const 160)))))))
    ;; A `result<string, string>` lies there now.
    (i32.const 136)))
