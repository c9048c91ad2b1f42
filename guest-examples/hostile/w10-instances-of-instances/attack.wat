;; W10. Components that instantiate components, twice each: two hundred instances from a kibibyte. It
;; has to be refused all beyond the bound, before any of it runs.
(component
  (component $c0 (core module $m) (core instance (instantiate $m)))
  (component $c1
    (alias outer 1 $c0 (component $c))
    (instance (instantiate $c))
    (instance (instantiate $c)))
  (component $c2
    (alias outer 1 $c1 (component $c))
    (instance (instantiate $c))
    (instance (instantiate $c)))
  (component $c3
    (alias outer 1 $c2 (component $c))
    (instance (instantiate $c))
    (instance (instantiate $c)))
  (component $c4
    (alias outer 1 $c3 (component $c))
    (instance (instantiate $c))
    (instance (instantiate $c)))
  (component $c5
    (alias outer 1 $c4 (component $c))
    (instance (instantiate $c))
    (instance (instantiate $c)))
  (component $c6
    (alias outer 1 $c5 (component $c))
    (instance (instantiate $c))
    (instance (instantiate $c)))
  (component $c7
    (alias outer 1 $c6 (component $c))
    (instance (instantiate $c))
    (instance (instantiate $c)))
  (instance (instantiate $c7))
  (instance (instantiate $c6))
  (core module $run (func (export "run") (result i32) (i32.const 0)))
  (core instance $m (instantiate $run))
  (func $run (result (result)) (canon lift (core func $m "run")))
  (component $interface
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $command (instantiate $interface (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $command)))
