;; W02. Takes memory until it gets no more, and crashes for want of it. It gets what it may have.
(module
  (memory (export "memory") 1)
  (memory 1)
  (func (export "_start")
    (loop $again
      (drop (memory.grow 1 (i32.const 16)))
      (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    unreachable))
