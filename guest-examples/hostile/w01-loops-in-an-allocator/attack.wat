;; W01. Loops for ever inside of a call of the host: in the allocator that the host calls to hand over
;; the program's arguments. It has to end with its processor time.
(component
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-arguments" (func (result (list string))))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop (br 0)) unreachable))
  (core instance $m (instantiate $memory))
  (core func $arguments (canon lower (func $environment "get-arguments")
    (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (core module $run
    (import "host" "arguments" (func $arguments (param i32)))
    (func (export "run") (result i32) (call $arguments (i32.const 8)) (i32.const 0)))
  (core instance $r (instantiate $run
    (with "host" (instance (export "arguments" (func $arguments))))))
  (func $run (result (result)) (canon lift (core func $r "run")))
  (component $interface
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $command (instantiate $interface (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $command)))
