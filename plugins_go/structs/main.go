// Purpose: structs that the preamble declares, by value and by pointer.
// Exports: PointAdd, PointScale, PointNorm, OptionsLevel, OptionsTotal.
// Used by: tests of structs from the header that cgo writes.
package main

// typedef struct {
//     double x, y;
// } Point;
//
// struct Options {
//     int level;
//     const char *name;
//     double weights[3];
// };
import "C"

import "math"

// PointAdd returns the sum of two points, by value.
//
//export PointAdd
func PointAdd(a, b C.Point) C.Point {
	return C.Point{x: a.x + b.x, y: a.y + b.y}
}

// PointScale multiplies the caller's point in place.
//
//export PointScale
func PointScale(p *C.Point, k float64) {
	p.x *= C.double(k)
	p.y *= C.double(k)
}

// PointNorm returns the distance of p from the origin.
//
//export PointNorm
func PointNorm(p C.Point) float64 {
	return math.Hypot(float64(p.x), float64(p.y))
}

// OptionsLevel returns the level of the caller's options, -1 for NULL.
//
//export OptionsLevel
func OptionsLevel(opts *C.struct_Options) C.int {
	if opts == nil {
		return -1
	}
	return opts.level
}

// OptionsTotal returns the sum of the weights; the struct comes by value.
//
//export OptionsTotal
func OptionsTotal(opts C.struct_Options) C.double {
	return opts.weights[0] + opts.weights[1] + opts.weights[2]
}

func main() {}
