//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate go run -C asm .

var avx512vnni = tier{
	name:        "avx512vnni",
	packInt8:    packInt8VNNI,
	packFloat32: packFloat32AVX512,
	byteSum:     byteSum512,
	spikingReLU: spikingReLU512,
	lif:         lif512,
	maxPool2x2:  maxPool512,
}

// tiers are those that the processor has and the system saves the registers of.
func tiers() []*tier {
	var list []*tier
	x := &cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VNNI && x.HasBMI2 {
		list = append(list, &avx512vnni)
	}
	return append(list, &plain)
}
