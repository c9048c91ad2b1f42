;; W03. Asks for entries of tables until it is refused some, in two tables, and crashes. It has to get
;; no more than the bound, both together.
(module
  (table $a 1 funcref)
  (table $b 1 funcref)
  (func (export "_start")
    (loop
      (br_if 0 (i32.and
        (i32.ne (table.grow $a (ref.null func) (i32.const 100)) (i32.const -1))
        (i32.ne (table.grow $b (ref.null func) (i32.const 100)) (i32.const -1)))))
    unreachable))
