module example.com/versions/one

go 1.21

require example.com/shape v0.1.0

replace example.com/shape => ../shape_v1
