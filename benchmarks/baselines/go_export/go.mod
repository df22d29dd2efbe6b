module example.com/go_export

go 1.21
