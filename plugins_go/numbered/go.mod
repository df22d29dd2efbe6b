module example.com/numbered

go 1.21
