// Purpose: version v0.1.0 of the module example.com/shape: shapes are rectangles.
// Exports: Version, Area (to Go).
// Used by: versions/one.

// Package shape computes areas.
package shape

// Version is the version of this module.
const Version = "v0.1.0"

// Area returns the area of a rectangle.
func Area(w, h float64) float64 { return w * h }
