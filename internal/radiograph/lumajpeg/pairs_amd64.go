//go:build !purego

package lumajpeg

import "golang.org/x/sys/cpu"

var hasQuickPairs = cpu.X86.HasBMI2
