module inits

go 1.21
