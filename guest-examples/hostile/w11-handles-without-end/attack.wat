;; W11. Asks the clock for handle after handle and drops none. It has to end with the bound on handles.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $pollable (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $run
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "run") (result i32)
      (loop
        (drop (call $subscribe (i64.const 0)))
        (br 0))
      unreachable))
  (core instance $m (instantiate $run (with "host"
    (instance (export "subscribe" (func $subscribe))))))
  (func $run (result (result)) (canon lift (core func $m "run")))
  (component $interface
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $command (instantiate $interface (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $command)))
