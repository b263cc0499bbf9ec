//go:build !linux

package models

// Release does nothing here.
func Release() {}
