// Purpose: hand back a scalar of every Go type that cgo exports.
// Exports: IdInt8 ... IdRune.
// Used by: tests of conversions and limits.
package main

import "C"

//export IdInt8
func IdInt8(value int8) int8 { return value }

//export IdInt16
func IdInt16(value int16) int16 { return value }

//export IdInt32
func IdInt32(value int32) int32 { return value }

//export IdInt64
func IdInt64(value int64) int64 { return value }

//export IdInt
func IdInt(value int) int { return value }

//export IdUint8
func IdUint8(value uint8) uint8 { return value }

//export IdUint16
func IdUint16(value uint16) uint16 { return value }

//export IdUint32
func IdUint32(value uint32) uint32 { return value }

//export IdUint64
func IdUint64(value uint64) uint64 { return value }

//export IdUint
func IdUint(value uint) uint { return value }

//export IdUintptr
func IdUintptr(value uintptr) uintptr { return value }

//export IdFloat32
func IdFloat32(value float32) float32 { return value }

//export IdFloat64
func IdFloat64(value float64) float64 { return value }

//export IdBool
func IdBool(value bool) bool { return value }

//export IdByte
func IdByte(value byte) byte { return value }

//export IdRune
func IdRune(value rune) rune { return value }

func main() {}
