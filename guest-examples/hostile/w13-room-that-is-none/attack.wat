;; W13. Gives the host room that it does not have. Nothing is written there.
(component
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-arguments" (func (result (list string))))))
  (core module $memory
    (memory (export "memory") 2)
    (table (export "host") 1 funcref)
    (type $ask (func (param i32)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 0x7ffffff0)))
  (core instance $memory (instantiate $memory))
  (core func $arguments (canon lower (func $environment "get-arguments")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $main
    (import "host" "arguments" (func $arguments (param i32)))
    (import "memory" "host" (table 1 funcref))
    (elem (i32.const 0) func $arguments)
    (func (export "run") (result i32)
      (call $arguments (i32.const 16))
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "host" (instance (export "arguments" (func $arguments))))
    (with "memory" (instance $memory))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (component $interface
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $run (instantiate $interface (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $run)))
