module environment

go 1.21
