module example.com/go_plugin

go 1.21
