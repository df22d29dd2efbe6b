module example.com/jsonwork

go 1.21
