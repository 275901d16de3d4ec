module conformance

go 1.19

require cordon v1.0.0

replace cordon => ../../../../abi/go
