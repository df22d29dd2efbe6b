module example.com/raising

go 1.21
