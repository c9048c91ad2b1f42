;; W02. Asks for memory until it is refused some, in two memories, and crashes. It has to get no more
;; than the bound, both together.
(module
  (memory $a 1)
  (memory $b 1)
  (func (export "_start")
    (loop
      (br_if 0 (i32.and
        (i32.ne (memory.grow $a (i32.const 16)) (i32.const -1))
        (i32.ne (memory.grow $b (i32.const 16)) (i32.const -1)))))
    unreachable))
