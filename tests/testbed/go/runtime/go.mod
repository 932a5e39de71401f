module testbed/runtime

go 1.26.0
