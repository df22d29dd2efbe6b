// Purpose: version v0.2.0 of the module example.com/shape: shapes became ellipses.
// Exports: Version, Area (to Go).
// Used by: versions/two.

// Package shape computes areas.
package shape

import "math"

// Version is the version of this module.
const Version = "v0.2.0"

// Area returns the area of an ellipse, given its two diameters.
func Area(w, h float64) float64 { return math.Pi / 4 * w * h }
