module example.com/versions/two

go 1.21

require example.com/shape v0.2.0

replace example.com/shape => ../shape_v2
